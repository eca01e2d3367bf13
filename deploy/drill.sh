#!/usr/bin/env bash
# A drill of the whole service's recovery, on a server of its own that it makes
# and throws away: set up, base backup, work going on, a disaster, recovery to
# the moment before it, and the proof that everything is as it was then. Nothing
# of an installation is touched. It needs the server programs of Postgres,
# pgbackrest, and bin/cloister; as root it works as the user postgres.
#
#   deploy/drill.sh [--clinics N] [--keep]
set -euo pipefail

clinics=3 keep=
while [ $# -gt 0 ]; do
  case $1 in
    --clinics) clinics=$2; shift 2 ;;
    --keep) keep=yes; shift ;;
    *) echo "usage: deploy/drill.sh [--clinics N] [--keep]" >&2; exit 2 ;;
  esac
done
here=$(cd "$(dirname "$0")/.." && pwd)
cloister=${CLOISTER:-$here/bin/cloister}
bin=${CLOISTER_PG_BIN:-$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)}
[ "$clinics" -ge 3 ] 2>/dev/null || { echo "drill: --clinics must be 3 or more" >&2; exit 2; }
[ -x "$cloister" ] || { echo "drill: $cloister is missing: run make build" >&2; exit 2; }
[ -x "$bin/initdb" ] || { echo "drill: there are no server programs: install postgresql, or set CLOISTER_PG_BIN" >&2; exit 2; }
command -v pgbackrest >/dev/null || { echo "drill: pgbackrest is missing: apt-get install pgbackrest" >&2; exit 2; }

top=$(mktemp -d "${TMPDIR:-/tmp}/cloister-drill.XXXXXX")
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$top"
  as() { runuser -u postgres -- "$@"; }
fi
chmod 700 "$top"
beat=
stop() {
  [ -z "$beat" ] || kill "$beat" 2>/dev/null || true
  [ ! -f "$top/data/postmaster.pid" ] || as "$bin/pg_ctl" -D "$top/data" -m immediate -w stop >/dev/null 2>&1 || true
  [ -n "$keep" ] && echo "kept in $top" || rm -rf "$top"
}
trap stop EXIT

port=$((20000 + RANDOM % 20000))
export PGOPTIONS="-c client_min_messages=warning" PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=5
PGPASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' 'ab'); export PGPASSWORD
CLOISTER_MASTER_KEY=$(head -c 32 /dev/urandom | base64); export CLOISTER_MASTER_KEY
PGBACKREST_REPO1_CIPHER_PASS=$(head -c 36 /dev/urandom | base64 | tr '+/' 'ab'); export PGBACKREST_REPO1_CIPHER_PASS
export DATABASE_URL="postgres://postgres:$PGPASSWORD@127.0.0.1:$port/cloister?sslmode=disable" CLOISTER_STATE_DIR="$top/state"
sql() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 "$@"; }
now() { date +%s.%N; }
took() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'; }
say() { printf '%-58s %s\n' "$1" "$2"; }
rest="pgbackrest --config=$top/pgbackrest.conf --stanza=cloister"

# The product's own configuration, with the paths of this place.
sed -e "s|^repo1-path=.*|repo1-path=$top/repo|" -e "s|^spool-path=.*|spool-path=$top/spool|" -e "s|^pg1-path=.*|pg1-path=$top/data\npg1-port=$port\npg1-socket-path=$top|" \
  -e "s|^\[global\]|[global]\nlog-path=$top/log\nlock-path=$top/lock|" "$here/deploy/pgbackrest.conf" >"$top/pgbackrest.conf"
chmod 644 "$top/pgbackrest.conf"
as mkdir -p "$top/repo" "$top/spool" "$top/log" "$top/lock"

begun=$(now)
printf '%s' "$PGPASSWORD" >"$top/pw"; chmod 644 "$top/pw"
as "$bin/initdb" -D "$top/data" -U postgres --pwfile="$top/pw" --auth-host=scram-sha-256 --auth-local=peer --locale=C --encoding=UTF8 --no-instructions >/dev/null
rm "$top/pw"
# The backup's own connection goes by the socket, as the server's user.
as sh -c "echo 'local all postgres trust' >'$top/data/pg_hba.conf'; echo 'host all all 127.0.0.1/32 scram-sha-256' >>'$top/data/pg_hba.conf'"
as sh -c "cat >>'$top/data/postgresql.conf'" <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$top'
max_locks_per_transaction = 1024
recovery_init_sync_method = syncfs
wal_level = replica
archive_mode = on
archive_command = '$rest archive-push %p'
archive_timeout = 60
log_min_error_statement = panic
CONF
up() { as "$bin/pg_ctl" -D "$top/data" -l "$top/server.log" -w -t 120 start >/dev/null; }
up
sql -c 'create database cloister' -c 'create database beats'
sql -d beats -c 'create table beat (at timestamptz primary key default clock_timestamp())'
"$cloister" migrate up >/dev/null
for n in $(seq "$clinics"); do
  "$cloister" clinic create --name "Drill clinic $n" --slug "drill-$n" --admin-email "admin@drill-$n.example" >/dev/null
done
say "a server with $clinics clinics" "$(took "$begun")"

begun=$(now)
as $rest stanza-create
as $rest check
as $rest --type=full backup
say "base backup" "$(took "$begun"), $(du -sh "$top/repo" | cut -f1) in the repository"

# Work goes on: beats, by which the moment of the recovery can be read, and
# clinics that come, change and are copied after the base backup.
(while :; do sql -d beats -c 'insert into beat default values' 2>/dev/null || exit 0; sleep 0.2; done) &
beat=$!
begun=$(now)
"$cloister" clinic create --name "Late clinic" --slug drill-late --admin-email admin@drill-late.example >/dev/null
"$cloister" clinic suspend drill-1 --reason "drill" >/dev/null
"$cloister" backup clone --clinic drill-2 --as drill-copy >/dev/null
say "work after the backup" "$(took "$begun")"

# The moment to come back to, and what was true at it.
for c in drill-1 drill-2 drill-late drill-copy; do "$cloister" backup export --clinic $c "$top/$c.cloister" >/dev/null; done
counts() { sql -d cloister -c "select string_agg(slug || ' ' || status, ', ' order by slug) from platform.clinics"; }
then=$(counts)
sleep 1
target=$(sql -c 'select clock_timestamp()')
sleep 1

# The disaster: somebody drops a clinic and empties another, and then the
# machine dies. The log up to there was archived.
sql -d cloister -c 'drop schema clinic_drill_2 cascade' -c 'set session_replication_role = replica' -c 'delete from clinic_drill_late.formulary' -c "delete from platform.old_slugs"
sql -c 'select pg_switch_wal()' >/dev/null
for _ in $(seq 100); do [ "$(sql -c "select last_archived_wal is not null and last_archived_time > '$target' from pg_stat_archiver")" = t ] && break; sleep 0.2; done
pid=$(head -1 "$top/data/postmaster.pid")
kill -9 "$pid"
kill "$beat" 2>/dev/null || true; beat=
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
say "killed" "target $target"

begun=$(now)
as rm -rf "$top/data"
as mkdir -m 700 "$top/data"
as $rest --no-delta --type=time "--target=$target" --target-action=promote restore
restored=$(took "$begun")
up
for _ in $(seq 600); do [ "$(sql -c 'select pg_is_in_recovery()')" = f ] && break; sleep 0.1; done
say "recovered" "$restored to restore the files, $(took "$begun") until it takes writes"

bad=0
proof() { if "${@:2}" >"$top/out" 2>&1; then say "$1" ok; else say "$1" FAILED; cat "$top/out" >&2; bad=1; fi; }
same() { [ "$(counts)" = "$then" ] || { echo "then: $then"; echo "now:  $(counts)"; return 1; }; }
moment() {
  sql -d beats -c "select max(at) <= '$target' and max(at) > timestamptz '$target' - interval '3 seconds' from beat" | grep -qx t || { sql -d beats -c 'select max(at) from beat'; return 1; }
}
walls() { sql -d cloister -c 'set role cloister_owner' -c "select platform.check_walls(schema_name) from platform.schemas where state in ('spare', 'assigned')"; }
proof "the last beat is of the moment asked for" moment
proof "the registry is as it was" same
for c in drill-1 drill-2 drill-late drill-copy; do
  proof "$c is as it was, row by row" "$cloister" backup diff "$top/$c.cloister" --clinic $c --exit-code
done
proof "every clinic's walls stand" walls
audit() { "$cloister" isolation audit --clinic drill-1 --clinic drill-2 --clinic drill-3 --clinic drill-late --clinic drill-copy; }
proof "the audit of the walls finds nothing" audit
proof "nothing is left to migrate" sh -c "'$cloister' migrate status | grep -q ' 0 behind'"
proof "a new clinic can be made" "$cloister" clinic create --name After --slug drill-after --admin-email admin@drill-after.example
proof "the new timeline is archived" as $rest check
[ $bad = 0 ] && say "THE DRILL" "passed" || { say "THE DRILL" "FAILED"; exit 1; }
