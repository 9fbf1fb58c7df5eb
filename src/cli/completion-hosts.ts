/**
 * Lists hosts, one per line, for the scripts that complete command lines: an awk(1) program, which every system has, and which starts
 * faster than we do. Its argument is the file that -F names, or empty.
 *
 * The names are those of Host blocks without wildcards, of the user's configuration and the system's with all that they include, and those
 * of the files of known hosts that are not hashed. Whatever could mean something to a shell is left out, for a server's owner may have
 * chosen the name.
 *
 * It holds no single quote and no double backslash, so that all shells take it between single quotes as it is.
 */
export const hostLister = String.raw`
function words(text, list,   count, end, quote) {
  for (count = 0; ; text = substr(text, end + 1)) {
    sub(/^[ \t]+/, "", text)
    if (text == "" || text ~ /^#/) return count
    quote = substr(text, 1, 1)
    if (quote == "\"" || quote == "\047") {
      text = substr(text, 2)
      end = index(text, quote)
    } else end = match(text, /[ \t]/)
    if (end == 0) end = length(text) + 1
    list[++count] = substr(text, 1, end - 1)
  }
}
function offer(name) {
  if (name ~ /^[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*$/ && !(name in offered)) print name
  offered[name]
}
function config(file, base,   line, key, list, count, i) {
  if (file in seen) return
  seen[file]
  while ((getline line < file) > 0) {
    sub(/\r$/, "", line)
    sub(/^[ \t]+/, "", line)
    key = tolower(line)
    sub(/[ \t=].*/, "", key)
    if (key != "host" && key != "include") continue
    sub(/^[^ \t=]+[ \t]*=?[ \t]*/, "", line)
    count = words(line, list)
    for (i = 1; i <= count; i++) {
      if (key == "host") offer(list[i])
      else include(list[i], base)
    }
  }
  close(file)
}
function include(name, base,   command, file) {
  name = path(name, base)
  if (name !~ /[*?[]/) {
    config(name, base)
    return
  }
  if (name ~ /[^]A-Za-z0-9_.,\/*?@%+=:[-]/) return
  command = "ls -d " name " 2>/dev/null"
  if (command in seen) return
  seen[command]
  while ((command | getline file) > 0) config(file, base)
  close(command)
}
function path(name, base) {
  if (name ~ /^~\//) return home substr(name, 2)
  return name ~ /^\// ? name : base "/" name
}
function known(file,   line, list, count, i) {
  while ((getline line < file) > 0) {
    if (line ~ /^[ \t]*[#@|]/) continue
    sub(/[ \t].*/, "", line)
    count = split(line, list, ",")
    for (i = 1; i <= count; i++) {
      if (sub(/\]:[0-9]+$/, "", list[i])) sub(/^\[/, "", list[i])
      offer(list[i])
    }
  }
  close(file)
}
BEGIN {
  home = ENVIRON["HOME"]
  user = home "/.ssh"
  if (ARGV[1] != "") config(path(ARGV[1], ENVIRON["PWD"]), user)
  else {
    config(user "/config", user)
    config("/etc/ssh/ssh_config", "/etc/ssh")
  }
  known(user "/known_hosts")
  known(user "/known_hosts2")
  known("/etc/ssh/ssh_known_hosts")
}
`;

/** The first lines of every script. */
export function heading(shell: string): string {
  return `# Completes the command lines of tsh and its companions in ${shell}: what \`tsh --completion=${shell}\` prints.\n`;
}
