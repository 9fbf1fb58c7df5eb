import { describePeer } from '../peers.ts';
import { tryEveryAlgorithm } from './matrix.ts';

describePeer('dropbear', "every algorithm of ours with dropbear's server", () => {
  tryEveryAlgorithm('dropbear', { bulk: 8 * 1024 * 1024, everyPair: false });
});
