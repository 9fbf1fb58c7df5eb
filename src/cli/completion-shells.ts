/** The shells that there are completion scripts for. */
export type Shell = 'bash' | 'zsh' | 'fish';
