/** The programs by their names; what is imported runs. The first is what a binary is under every name that is no program's. */
export const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  tsh: () => import('./tsh.ts'),
  'tsh-keygen': () => import('./tsh-keygen.ts'),
  'tsh-agent': () => import('./tsh-agent.ts'),
  'tsh-add': () => import('./tsh-add.ts'),
  'tsh-copy-id': () => import('./tsh-copy-id.ts'),
};
