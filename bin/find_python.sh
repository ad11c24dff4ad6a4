# Sourced by bin/*: set $python to a Python >= 3.11 that can make a virtual environment, or say in one line
# what is missing. Each candidate is tried for real: a name in PATH may be a shim with nothing behind it.
python=
bare=
for candidate in "$here/../.venv/bin/python" python3.13 python3.12 python3.11 python3 python3.14 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            python=$candidate
            break
        fi
        bare=${bare:-$candidate}
    fi
done
if [ -z "$python" ]; then
    if [ -n "$bare" ]; then
        echo "$bare ne sait pas créer d’environnement : installez son module venv (sur Debian et Ubuntu : apt-get install python3-venv)." >&2
    else
        echo "Relais a besoin de Python 3.11 ou plus récent, introuvable ici (sur Debian et Ubuntu : apt-get install python3 python3-venv)." >&2
    fi
    exit 1
fi
