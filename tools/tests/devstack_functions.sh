# DevStack's own functions, as far as the plugin calls them. What they do is
# written to $CALLS, a line each; services are started for real.

function echo_summary {
    echo "$@"
}

function die {
    shift
    echo "$@" >&2
    exit 1
}

function trueorfalse {
    case ${!2:-$1} in
        True|true|1|yes|y) echo True ;;
        *) echo False ;;
    esac
}

function enable_service {
    ENABLED_SERVICES+=,$1
}

function is_service_enabled {
    [[ ,$ENABLED_SERVICES, == *,$1,* ]]
}

function iniset {
    "$PYTHON" - "$@" <<'END'
import configparser
import sys

path, section, option, value = sys.argv[1:]
parser = configparser.ConfigParser(interpolation=None)
parser.read(path)
if section != 'DEFAULT' and not parser.has_section(section):
    parser.add_section(section)
parser.set(section, option, value)
with open(path, 'w') as file:
    parser.write(file)
END
}

function get_python_exec_prefix {
    dirname "$PYTHON"
}

function setup_install {
    echo "setup_install $*" >> "$CALLS"
}

function run_process {
    echo "run_process $1 as $4" >> "$CALLS"
    # As the service manager does it.
    $2 > "$DATA_DIR/$1.log" 2>&1 &
    echo $! > "$DATA_DIR/$1.pid"
}

function stop_process {
    kill "$(cat "$DATA_DIR/$1.pid")"
    tail --pid="$(cat "$DATA_DIR/$1.pid")" -f /dev/null
}

# Nothing outside of $DATA_DIR is touched, and nobody is root.
function sudo {
    if [[ "$1" == install ]]; then
        mkdir -p "${!#}"
        chmod 700 "${!#}"
    elif [[ "$*" == */usr/local/bin/* ]]; then
        echo "$*" >> "$CALLS"
    else
        "$@"
    fi
}
