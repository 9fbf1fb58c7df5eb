import type { LogSource } from '../core/util/log.ts';

/** A message by its beginning, and the function of OpenSSH that gives the same one. */
type Row = readonly [beginning: RegExp, file: string, name: string];

/** The first row that fits counts. */
const rows: readonly Row[] = [
  [/^send packet: /, 'packet.c', 'ssh_packet_send2_wrapped'],
  [/^receive packet: /, 'packet.c', 'ssh_packet_read_poll2'],
  [/^Remote: /, 'packet.c', 'ssh_packet_read_poll_seqnr'],
  [/^rekey (in|out) after /, 'packet.c', 'ssh_set_newkeys'],
  [/^(Received disconnect|Disconnected from|Connection (closed|reset) by|Unable to negotiate|Bad packet)/, 'packet.c', 'sshpkt_vfatal'],
  [/^(Local version string|Remote protocol version) /, 'kex.c', 'kex_exchange_identification'],
  [/^SSH2_MSG_KEXINIT sent/, 'kex.c', 'kex_send_kexinit'],
  [/^SSH2_MSG_KEXINIT received/, 'kex.c', 'kex_input_kexinit'],
  [/^(local|peer) (client|server) KEXINIT proposal/, 'kex.c', 'kex_choose_conf'],
  [/^(KEX algorithms|host key algorithms|(ciphers|MACs|compression|languages) (ctos|stoc)): /, 'kex.c', 'kex_buf2prop'],
  [/^(first_kex_follows|reserved) /, 'kex.c', 'kex_buf2prop'],
  [/^kex: algorithm: /, 'kex.c', 'choose_kex'],
  [/^kex: host key algorithm: /, 'kex.c', 'choose_hostkeyalg'],
  [/^kex: /, 'kex.c', 'kex_choose_conf'],
  [/^(SSH2_MSG_NEWKEYS sent|expecting SSH2_MSG_NEWKEYS)/, 'kex.c', 'kex_send_newkeys'],
  [/^SSH2_MSG_NEWKEYS received/, 'kex.c', 'kex_input_newkeys'],
  [/^Sending SSH2_MSG_EXT_INFO/, 'kex.c', 'kex_maybe_send_ext_info'],
  [/^SSH2_MSG_EXT_INFO received/, 'kex.c', 'kex_input_ext_info'],
  [/^expecting SSH2_MSG_KEX_DH_GEX/, 'kexgexc.c', 'kexgex_client'],
  [/^SSH2_MSG_KEX_DH_GEX_\w+ (sent|received)/, 'kexgexc.c', 'input_kex_dh_gex_group'],
  [/^expecting SSH2_MSG_KEX/, 'kexgen.c', 'kex_gen_client'],
  [/^SSH2_MSG_KEX\w+ received/, 'kexgen.c', 'input_kex_gen_reply'],
  [/^(Connecting to|Connection established|connect to address|Trying again)/, 'sshconnect.c', 'ssh_connect_direct'],
  [/^Executing proxy command/, 'sshconnect.c', 'ssh_proxy_connect'],
  [/^Executing proxy dialer command/, 'sshconnect.c', 'ssh_proxy_fdpass_connect'],
  [/^Authenticating to /, 'sshconnect.c', 'ssh_login'],
  [/^Server host (key|certificate)/, 'sshconnect.c', 'verify_host_key'],
  [/^(Host '|Found key in|Found CA key in|The authenticity of|Warning: Permanently added)/, 'sshconnect.c', 'check_host_key'],
  [/^(service_accept|SSH2_MSG_SERVICE_ACCEPT)/, 'sshconnect2.c', 'input_userauth_service_accept'],
  [/^Authentications that can continue/, 'sshconnect2.c', 'input_userauth_failure'],
  [/^(Next authentication method|No more authentication methods)/, 'sshconnect2.c', 'authmethod_get'],
  [/^(Will attempt key|Skipping )/, 'sshconnect2.c', 'pubkey_prepare'],
  [/^(Offering public key|Trying private key)/, 'sshconnect2.c', 'userauth_pubkey'],
  [/^Server accepts key/, 'sshconnect2.c', 'input_userauth_pk_ok'],
  [/^we (sent|did not send) /, 'sshconnect2.c', 'userauth'],
  [/^(Authenticated to|Authenticated using)/, 'sshconnect2.c', 'ssh_userauth2'],
  [/^(No more client hostkeys|sign using hostkey)/, 'sshconnect2.c', 'userauth_hostbased'],
  [/^identity file /, 'ssh.c', 'load_public_identity_files'],
  [/^Requesting no-more-sessions/, 'ssh.c', 'ssh_session2'],
  [/^(Entering interactive session|Transferred: |Bytes per second|Exit status )/, 'clientloop.c', 'client_loop'],
  [/^Sending command: /, 'clientloop.c', 'client_session2_setup'],
  [/^\S+ request (accepted|failed) on channel/, 'clientloop.c', 'client_status_confirm'],
  [/^channel_new: /, 'ssh.c', 'ssh_session2_open'],
  [/^channel \d+: new /, 'channels.c', 'channel_new'],
  [/^channel \d+: request /, 'channels.c', 'channel_request_start'],
  [/^channel \d+: free: /, 'channels.c', 'channel_free'],
  [/^channel \d+: open failed/, 'channels.c', 'channel_input_open_failure'],
  [/^channel \d+: closing after /, 'channels.c', 'channel_handler'],
  [/^channel \d+: send eof/, 'nchan.c', 'chan_send_eof2'],
  [/^channel \d+: rcvd eof/, 'nchan.c', 'chan_rcvd_ieof'],
  [/^Reading configuration data/, 'readconf.c', 'read_config_file_depth'],
];

/** The files of functions that name themselves in front of what they say. */
const files: readonly (readonly [name: RegExp, file: string])[] = [
  [/^kex_/, 'kex.c'],
  [/^ssh_(packet|set_newkeys|dispatch)/, 'packet.c'],
  [/^(userauth|sign_and_send|identity_sign|pubkey_prepare|ssh_keysign|load_identity|get_agent|send_pubkey)/, 'sshconnect2.c'],
  [/^(hostkeys|record_hostkey|load_hostkeys)/, 'hostfile.c'],
  [/^(client_|obfuscate_)/, 'clientloop.c'],
  [/^(channel_|unix_listener)/, 'channels.c'],
  [/^set_sock_tos/, 'misc.c'],
  [/^(ssh_create_socket|check_host|verify_host)/, 'sshconnect.c'],
  [/^verify_host_key_dns/, 'dns.c'],
  [/^mm_/, 'monitor_fdpass.c'],
];

/** Where OpenSSH would say a message, as the patterns of LogVerbose name it, without a line's number: what is not known is said by main. */
export function logSource(text: string): LogSource {
  const row = rows.find(([beginning]) => beginning.test(text));
  if (row !== undefined) return `${row[1]}:${row[2]}():0`;
  const name = /^([a-z][a-z0-9_]+): /.exec(text)?.[1];
  const file = name === undefined ? undefined : files.find(([prefix]) => prefix.test(name))?.[1];
  return file === undefined ? 'ssh.c:main():0' : `${file}:${name}():0`;
}
