# shellcheck shell=bash
# A private PostgreSQL for the tests: Debian's programs on a free loopback port, its data in a temporary folder.
# Sourced after install.bash.
: "${root:?}"

postgres_folder=""

# The newest PostgreSQL's programs; Debian keeps them out of PATH.
postgres_programs() {
    local folder newest=""
    for folder in /usr/lib/postgresql/*/bin; do
        [[ -x $folder/initdb ]] && newest=$folder
    done
    [[ -n $newest ]] && printf '%s' "$newest"
}

need_postgres() {
    postgres_programs >/dev/null && return
    # Debian's package would start a server of its own at installation, and with every boot from then on.
    local settings=/etc/postgresql-common/createcluster.conf
    if has apt-get && [[ ! -e $settings ]] && { ((EUID == 0)) || has sudo; }; then
        as_root install -d "${settings%/*}"
        as_root tee "$settings" >/dev/null <<<"create_main_cluster = false"
    fi
    install_packages postgresql
}

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Exports VULTUS_TEST_POSTGRES, the address of a server that is gone after `stop_postgres`.
start_postgres() {
    local programs port
    programs=$(postgres_programs)
    port=$(free_port)
    # Not in TMPDIR, which the user postgres may not be able to enter.
    postgres_folder=$(mktemp -d /tmp/vultus-postgres.XXXXXX)
    ((EUID != 0)) || chown postgres "$postgres_folder"
    # Durability is not what is tested, and costs much.
    local options="-c listen_addresses=127.0.0.1 -p $port -k $postgres_folder"
    options+=" -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    (
        cd "$postgres_folder" &&
            as_postgres "$programs/initdb" -D data -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 &&
            as_postgres "$programs/pg_ctl" -D data -w -l log -o "$options" start
    ) >/dev/null || fail "the tests' PostgreSQL does not start: $(cat "$postgres_folder/log" 2>&1)"
    export VULTUS_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port/postgres
}

# Says nothing: the last words of a test run are the test runner's.
stop_postgres() {
    [[ -n $postgres_folder ]] || return 0
    (
        cd "$postgres_folder" && as_postgres "$(postgres_programs)/pg_ctl" -D data -m immediate stop
    ) >/dev/null 2>&1 || true
    rm -rf "$postgres_folder"
}
