#!/bin/sh
# A machine of its own for the story: name spaces with a user `you`, whose password is `secret` and whose home is empty, and with a server
# called `server`, on which a database runs. Given: a folder for everything, sshd 10.0 and the folder of its programs, the folder of the
# database's programs, the folder of the project, and that of the story.
set -eu
folder=$1 sshd=$2 libexec=$3 postgres=$4 project=$5 story=$6
# the project may lie where only its owner may look
cd /
ip link set lo up

home=$folder/home
mkdir "$home" "$folder/tsh" "$folder/etc"
chown 7001:7001 "$home"
mount --bind "$project" "$folder/tsh"
for name in passwd shadow group hosts; do cp -p "/etc/$name" "$folder/etc/$name"; done
echo "you:x:7001:7001::$home:/bin/sh" >>"$folder/etc/passwd"
echo 'you:x:7001:' >>"$folder/etc/group"
echo "you:$(openssl passwd -6 secret):19000:0:99999:7:::" >>"$folder/etc/shadow"
echo '127.0.0.1 localhost server' >"$folder/etc/hosts"
for name in passwd shadow group hosts; do mount --bind "$folder/etc/$name" "/etc/$name"; done

server() { # server yes|no: whether passwords do
  cat >"$folder/sshd_config" <<END
ListenAddress 127.0.0.1
HostKey $folder/host
PidFile none
UsePAM no
StrictModes yes
PasswordAuthentication $1
KbdInteractiveAuthentication no
SshdSessionPath $libexec/sshd-session
SshdAuthPath $libexec/sshd-auth
END
  "$sshd" -D -e -f "$folder/sshd_config" 2>>"$folder/log" &
  server=$!
  until node -e "require('net').connect(22, '127.0.0.1').on('data', () => process.exit(0)).on('error', () => process.exit(1))"; do :; done
}
you() {
  runuser -u you -- env -i HOME="$home" USER=you SHELL=/bin/sh TERM=dumb PATH="$folder/tsh/bin:$PATH" expect -f "$1"
}

mkdir "$folder/database"
chown postgres "$folder/database"
database() { runuser -u postgres -- "$postgres/$@"; }
database initdb -D "$folder/database" -A trust -U postgres --no-sync >"$folder/log"
database postgres -D "$folder/database" -c listen_addresses=localhost -c unix_socket_directories= -c fsync=off 2>>"$folder/log" &
server yes
you "$story/first.exp"
kill "$server"
wait "$server" || :
server no
you "$story/second.exp"
