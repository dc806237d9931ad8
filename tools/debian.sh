#!/usr/bin/env bash
# Installs Debian packages whose program or library is missing, where that is allowed; never fails, says what is
# missing. Usage: tools/debian.sh PACKAGE...    Known: libportaudio2 mosquitto espeak-ng flite festival
# festvox-us-slt-hts chromium
set -u
present() {
  case "$1" in
    libportaudio2) ldconfig -p 2>/dev/null | grep -q libportaudio.so.2 ;;
    mosquitto) command -v mosquitto || [ -x /usr/sbin/mosquitto ] ;;
    festvox-us-slt-hts) [ -d /usr/share/festival/voices/us/cmu_us_slt_arctic_hts ] ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

missing=()
for package in "$@"; do present "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  for try in 1 2; do
    apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && exit 0
    sleep $((try * 3))
  done
fi
echo "setup: not installed: ${missing[*]}. Checks that need them are skipped; to run them: sudo apt-get install ${missing[*]}" >&2
exit 0
