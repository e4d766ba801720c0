# plugin.sh - what DevStack calls, with the phase in $1 and $2

if [[ "$1" == "source" ]]; then
    source "$DSWARE_REPO_DIR/devstack/lib/dsware"
elif [[ "$1" == "stack" && "$2" == "install" ]]; then
    echo_summary "Installing the Dsware driver and connector"
    install_dsware
    if is_service_enabled dsware-sim; then
        echo_summary "Starting a simulated Dsware cluster"
        start_dsware_simulator
    fi
elif [[ "$1" == "stack" && "$2" == "post-config" ]]; then
    if is_service_enabled n-cpu; then
        configure_dsware_nova
    fi
elif [[ "$1" == "stack" && "$2" == "test-config" ]]; then
    if is_service_enabled tempest; then
        configure_dsware_tempest
    fi
elif [[ "$1" == "unstack" ]]; then
    if is_service_enabled dsware-sim; then
        stop_dsware_simulator
    fi
elif [[ "$1" == "clean" ]]; then
    if is_service_enabled dsware-sim; then
        cleanup_dsware_simulator
    fi
fi
