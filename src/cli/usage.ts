/** What programs say about how to call them. */

/** The usage of `tsh`, which is ssh's to the byte: scripts and people know it. */
export const sshUsage = `usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface] [-b bind_address]
           [-c cipher_spec] [-D [bind_address:]port] [-E log_file]
           [-e escape_char] [-F configfile] [-I pkcs11] [-i identity_file]
           [-J destination] [-L address] [-l login_name] [-m mac_spec]
           [-O ctl_cmd] [-o option] [-P tag] [-p port] [-R address]
           [-S ctl_path] [-W host:port] [-w local_tun[:remote_tun]]
           destination [command [argument ...]]
       ssh [-Q query_option]
`;

/** The usage of `tsh-agent`, ssh-agent's of the same version. */
export const sshAgentUsage = `usage: ssh-agent [-c | -s] [-DdTU] [-a bind_address] [-E fingerprint_hash]
                 [-O option] [-P allowed_providers] [-t life]
       ssh-agent [-TU] [-a bind_address] [-E fingerprint_hash] [-O option]
                 [-P allowed_providers] [-t life] command [arg ...]
       ssh-agent [-c | -s] -k
       ssh-agent -u
`;

/** The usage of `tsh-add`, ssh-add's of the same version. */
export const sshAddUsage = `usage: ssh-add [-CcDdKkLlNqvXx] [-E fingerprint_hash] [-H hostkey_file]
               [-h destination_constraint] [-S provider] [-t life]
               [file ...]
       ssh-add -s pkcs11 [-Cv] [certificate ...]
       ssh-add -e pkcs11
       ssh-add -T pubkey ...
`;

/** What `tsh --help` prints. */
export const tshHelp = `tsh: log in to another machine, or run a command there, over an encrypted connection

  tsh [options] [user@]host [command]        host may also be ssh://user@host:port
  tsh host                                  a shell on host
  tsh host command                          run command, exit with its status
  tsh -L 8080:db:5432 host                  port 8080 here leads to db:5432 as host sees it

The options are ssh's (see ssh(1)); the ones that most people use:

  -p port          the server's port
  -l user          the user's name there
  -i file          a private key to log in with
  -J host          go through another host
  -L [addr:]port:host:hostport   forward a local port
  -N               no command, forwardings only
  -T, -t           no terminal; a terminal even for a command
  -o Keyword=value any keyword of ssh_config(5)
  -F file          another configuration file
  -v               say what happens, twice and three times for more

What ssh doesn't have:

  --explain        tell what happens under the hood, step by step
  --explain=json   the same as lines of JSON
  --why            when it fails: the cause, what was seen, and what to do
  --doctor [host]  what is wrong in ~/.ssh, and with the host's server
  --doctor --fix   mend modes, after asking; --doctor --json for programs
  -G --why         where each setting comes from: file, line and block
  --completion=SHELL   a script that completes command lines in bash, zsh or fish
  --help           this text
`;
