/** Keywords that set nothing: retired, or impossible here. */

/** What becomes of a keyword that sets no option. */
export type Retired =
  /** Passed over without a word. */
  | 'ignored'
  /** Passed over; the log says so at level debug. */
  | 'deprecated'
  /** Passed over; the log says so as an error, but the line counts as right. */
  | 'unsupported'
  /** As `unsupported`, but said at level debug: distributions put it into the file that everyone reads. */
  | 'absent';

/** Keywords in lower case, and what becomes of them. */
export const retiredKeywords: Readonly<Record<string, Retired>> = {
  protocol: 'ignored',
  cipher: 'deprecated',
  fallbacktorsh: 'deprecated',
  globalknownhostsfile2: 'deprecated',
  rhostsauthentication: 'deprecated',
  userknownhostsfile2: 'deprecated',
  useroaming: 'deprecated',
  usersh: 'deprecated',
  useprivilegedport: 'deprecated',
  afstokenpassing: 'unsupported',
  kerberosauthentication: 'unsupported',
  kerberostgtpassing: 'unsupported',
  rsaauthentication: 'unsupported',
  rhostsrsaauthentication: 'unsupported',
  compressionlevel: 'unsupported',
  // smart cards are reached by a library (PKCS#11) that this program can't load; an agent can
  pkcs11provider: 'unsupported',
  smartcarddevice: 'unsupported',
  // GSSAPI is not built here. Debian's own ssh_config turns it on, and its names beyond OpenSSH's come from there.
  gssapiauthentication: 'absent',
  gssapidelegatecredentials: 'absent',
  gssapikeyexchange: 'absent',
  gssapitrustdns: 'absent',
  gssapiclientidentity: 'absent',
  gssapiserveridentity: 'absent',
  gssapirenewalforcesrekey: 'absent',
  gssapikexalgorithms: 'absent',
};
