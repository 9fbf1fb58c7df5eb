/**
 * Whether this process was started to outlive its terminal, by nohup. The runtime takes back what it inherits about signals before a program
 * can look; what is left is `_`, which bash, zsh and their like set to the path of what they start.
 */
export function outlivesTerminal(): boolean {
  return /(^|\/)nohup$/.test(process.env['_'] ?? '');
}

/** Has a hangup pass this process by, where that was asked for. */
export function heedNohup(): void {
  if (outlivesTerminal()) process.on('SIGHUP', () => {});
}
