#!/bin/sh
# Runs in a chroot of Debian that has /rolecalld.deb: `cargo xtask deb --test`. Every command must succeed.
set -eu

say() { echo "deb test: $*"; }
fail() {
    say "$*"
    exit 1
}

is() { [ "$1" = "$2" ] || fail "$3: $1, expected $2"; }

as_gateway() { runuser -u rolecall -- "$@"; }

case "$1" in
install)
    apt-get -q update
    apt-get -q install --yes --no-install-recommends /rolecalld.deb
    is "$(stat -c %U:%G:%a /etc/rolecall)" root:rolecall:750 "owner and mode of /etc/rolecall"
    is "$(stat -c %U:%G:%a /var/lib/rolecall)" rolecall:rolecall:700 "owner and mode of /var/lib/rolecall"
    is "$(getent passwd rolecall | cut -d: -f6,7)" /var/lib/rolecall:/usr/sbin/nologin "home and shell of rolecall"
    is "$(dpkg-query --show --showformat '${Conffiles}' rolecalld | awk '{ print $1 }' | sort | xargs)" \
        "/etc/rolecall/access.toml /etc/rolecall/rolecall.toml" "conffiles"
    is "$(dpkg --verify rolecalld)" "" "files that differ from the package"
    [ ! -e /etc/systemd/system/multi-user.target.wants/rolecalld.service ] || fail "the service is enabled before it is configured"
    ;;
serve)
    ip link set lo up
    redis-server --bind 127.0.0.1 --port 6379 --save '' --daemonize yes >/dev/null

    say "without configuration, the gateway reports what is missing and systemd does not restart it"
    code=0
    as_gateway rolecalld serve --config /etc/rolecall/rolecall.toml 2>/tmp/error || code=$?
    is "$code" 2 "exit code without configuration"
    grep -q 'no identity provider' /tmp/error || fail "the missing provider is not reported: $(cat /tmp/error)"
    grep -q '^RestartPreventExitStatus=2$' /usr/lib/systemd/system/rolecalld.service

    # The first provider of the file, and Redis.
    awk '/^#\[\[provider\]\]/ && !found { inside = found = 1 } /^$/ { inside = 0 } inside { sub(/^#/, "") } { print }' \
        /etc/rolecall/rolecall.toml | sed 's|^url *= "sqlite:.*sessions.*|url = "redis://127.0.0.1:6379/0"|' >/tmp/rolecall.toml
    cat /tmp/rolecall.toml >/etc/rolecall/rolecall.toml
    sed --in-place 's/^#\([a-z[]\)/\1/' /etc/rolecall/access.toml

    say "commands of README.Debian"
    sed --quiet 's/^     //p' /usr/share/doc/rolecalld/README.Debian | grep --invert-match '^systemctl ' >/tmp/steps
    cat /tmp/steps
    echo "a client secret" | sh -e /tmp/steps

    say "the gateway serves requests"
    as_gateway rolecalld serve --config /etc/rolecall/rolecall.toml &
    asked=0
    until curl --silent --fail 'http://127.0.0.1:9400/readyz?full'; do
        asked=$((asked + 1))
        [ "$asked" -lt 100 ] || fail "the gateway is not ready after ten seconds"
        sleep 0.1
    done
    curl --silent --fail --header 'Host: sso.example.com' http://127.0.0.1:8443/jwks | grep -q '"kid"' || fail "/jwks has no key"
    is "$(curl --silent --output /dev/null --write-out '%header{location}' --header 'Host: sso.example.com' http://127.0.0.1:8443/)" \
        "/sign-in?return_to=%2F" "redirect without a session"

    say "the gateway stops"
    kill -TERM "$(pidof rolecalld)"
    wait
    as_gateway rolecalld audit verify --config /etc/rolecall/rolecall.toml

    say "purging the package keeps secrets, keys and the audit trail"
    dpkg --purge rolecalld
    [ -e /etc/rolecall/seal.key ] && [ -e /var/lib/rolecall/audit.db ] && [ -d /var/lib/rolecall/keys ] || fail "purging removed data"
    [ ! -e /etc/rolecall/rolecall.toml ] || fail "purging left the configuration"
    ;;
*)
    fail "unknown phase $1"
    ;;
esac
