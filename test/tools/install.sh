#!/bin/sh
# Installs tsh and its companions, or removes them again.
#
#   install.sh [--prefix FOLDER] [--uninstall]
#
# FOLDER is /usr/local where nothing is said; DESTDIR is put in front of it, for those who make packages. Programs go to bin, manual pages,
# completions and licences to share, each file in the place of what was there.
set -eu
umask 022
prefix=/usr/local
action=install_file

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --prefix)
      [ $# -gt 1 ] || fail '--prefix needs a folder'
      prefix=$2
      shift
      ;;
    --prefix=*) prefix=${1#*=} ;;
    --uninstall) action=remove_file ;;
    -h | --help)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0"
      exit
      ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done
[ -n "$prefix" ] || fail '--prefix needs a folder'
case $prefix in
  /*) ;;
  *) prefix=$PWD/$prefix ;;
esac
target=${DESTDIR-}$prefix

# A program that runs must not be written to: another file takes its name.
install_file() {
  mkdir -p "$(dirname "$target/$1")"
  cp -P "$1" "$target/$1.new"
  if [ ! -h "$1" ]; then
    case $1 in
      bin/*) chmod 755 "$target/$1.new" ;;
      *) chmod 644 "$target/$1.new" ;;
    esac
  fi
  mv -f "$target/$1.new" "$target/$1"
}

remove_file() {
  rm -f "$target/$1"
}

CDPATH='' cd -- "$(dirname -- "$0")"
[ -e bin ] && [ -e share ] || fail "there is nothing to install in $PWD"
find bin share ! -type d | while IFS= read -r file; do
  "$action" "$file"
done
case $action in
  install_file)
    # Node's signature went when our programs went in; one of this machine's own serves those who ask for one.
    if [ "$(uname)" = Darwin ] && command -v codesign >/dev/null; then codesign --force --sign - "$target/bin/tsh"; fi
    echo "Installed in $prefix."
    ;;
  remove_file)
    rmdir "$target/share/doc/tsh" 2>/dev/null || :
    echo "Removed from $prefix."
    ;;
esac
