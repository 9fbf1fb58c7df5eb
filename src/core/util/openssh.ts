/** The OpenSSH whose flags, keywords and behaviour these programs have: what `-V` names, and what `Match version` compares with. */
export const openSshVersion = 'OpenSSH_10.5';
