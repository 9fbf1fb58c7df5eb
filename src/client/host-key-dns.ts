import type { PublicKey } from '../core/keys/key.ts';
import { parseSshfp, sshfpRecords } from '../core/keys/sshfp.ts';
import { equalBytes } from '../core/util/bytes.ts';
import type { Log } from '../core/util/log.ts';
import { DnsError, type DnsRecords } from '../node/dns-query.ts';
import { numericAddress } from '../node/resolve.ts';
import type { DnsVerdict } from './host-key-policy.ts';

const unknown: DnsVerdict = { verdict: 'nothing', secure: false };

/**
 * Holds a host's plain key against its SSHFP records (VerifyHostKeyDNS). It matches where a record of its type is its own and none is
 * another key's; an error is never a match.
 */
export async function askDns(
  hostname: string,
  key: PublicKey,
  lookUp: (name: string) => Promise<DnsRecords>,
  log: Log,
): Promise<DnsVerdict> {
  log('DEBUG3', 'verify_host_key_dns');
  if (numericAddress(hostname) !== undefined) {
    log('DEBUG', 'skipped DNS lookup for numerical hostname');
    return unknown;
  }
  let records: DnsRecords;
  try {
    records = await lookUp(hostname);
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    log('VERBOSE', `DNS lookup error: ${error.message}`);
    return unknown;
  }
  const secure = records.validated;
  log('DEBUG', `found ${records.data.length} ${secure ? 'secure' : 'insecure'} fingerprints in DNS`);
  const matches = records.data.flatMap((data) => compare(data, key, log));
  const match = matches.length > 0 && !matches.includes(false);
  log('DEBUG', `${match ? 'matching' : 'mismatching'} host key fingerprint found in DNS`);
  return { verdict: match ? 'match' : 'mismatch', secure };
}

/** Whether a record is the key's, in a list; nothing where it speaks of another type of key or digest. */
function compare(data: Uint8Array, key: PublicKey, log: Log): readonly boolean[] {
  const record = parseSshfp(data);
  if (record === undefined) {
    log('VERBOSE', 'Error parsing fingerprint from DNS.');
    return [];
  }
  const { algorithm, type, fingerprint } = record;
  const shown = `SSHFP type ${algorithm} fptype ${type}`;
  log('DEBUG3', `verify_host_key_dns: checking ${shown}`);
  const own = sshfpRecords(key).find((one) => one.algorithm === algorithm && one.type === type);
  if (own === undefined || own.fingerprint.length !== fingerprint.length) return [];
  const same = equalBytes(own.fingerprint, fingerprint);
  log('DEBUG', `verify_host_key_dns: ${same ? 'matched' : 'failed'} ${shown}`);
  return [same];
}
