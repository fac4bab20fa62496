#!/bin/sh
# Leaves a runnable llama-server in /usr/local/bin, for the tests that ask a real model on this host.
#
# Debian's testing has it, and it needs a newer C library than a stable Debian. So the packages are unpacked into a
# folder of their own and run with their own loader: nothing of the system is changed. The package mirror is the one
# that apt already uses here, and apt checks its signatures as ever.
#
# Safe to run again; never fails a build; says in one line what came of it. At most about four minutes.
set -u

home=${LLAMA_SERVER_HOME:-/var/cache/llama-server}
bin=${LLAMA_SERVER_BIN:-/usr/local/bin}/llama-server

say() { echo "llama-server: $*"; }
give_up() {
  say "not installed ($*); the tests that need it are skipped"
  exit 0
}

runs() { timeout 20 "$1" --version >/dev/null 2>&1; }

found=$(command -v llama-server || true)
for known in "$found" "$bin"; do
  if [ -n "$known" ] && runs "$known"; then
    say "present at $known"
    exit 0
  fi
done

[ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up 'no apt here'
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
  awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
# Before the first `apt-get update` apt knows no origin, only addresses.
[ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
  awk '/\/debian\/?$/ { print; exit }')
[ -n "$mirror" ] || give_up 'apt has no Debian mirror'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || give_up 'no Debian keyring'

work=$(mktemp -d) || give_up 'no temporary folder'
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror testing main" >"$work/sources.list"

# An apt of its own: no installed packages, so that the loader and the C library are fetched too.
own_apt() {
  timeout "$1" apt-get -qq -y \
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Debug::NoLocking=1 -o Acquire::Languages=none -o APT::Sandbox::User=root -o Acquire::Retries=2 \
    "$2" --no-install-recommends ${3:+--download-only "$3"} >"$work/log" 2>&1
}
own_apt 90 update || give_up "apt-get update: $(tail -n 1 "$work/log")"
own_apt 120 install llama.cpp-tools || give_up "apt-get download: $(tail -n 1 "$work/log")"

for package in "$work"/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$work/root" || give_up "cannot unpack $(basename "$package")"
done
loader=$(find "$work/root/usr/lib" -name 'ld-linux*' -path '*-linux-gnu/*' | head -n 1)
[ -n "$loader" ] || give_up 'the packages have no loader'
libraries=$(dirname "$loader")
# ggml looks for its processor-specific parts beside the running program, which here is the loader.
find "$libraries/ggml" -name 'libggml-*.so' -exec ln -sf {} "$libraries" \;
find "$libraries" -maxdepth 1 -type l -name 'libggml-*.so' | while read -r link; do
  ln -sf "$(readlink "$link" | sed "s|^$libraries/||")" "$link"
done

rm -rf "$home" && mkdir -p "$(dirname "$home")" "$(dirname "$bin")" && mv "$work/root" "$home" ||
  give_up "cannot write $home"
libraries=$home/${libraries#"$work/root/"}
cat >"$bin" <<WRAPPER || give_up "cannot write $bin"
#!/bin/sh
exec $libraries/$(basename "$loader") --library-path $libraries:$libraries/llama --argv0 llama-server $home/usr/bin/llama-server "\$@"
WRAPPER
chmod 755 "$bin"
runs "$bin" || give_up 'it does not run here'
say "installed at $bin"
