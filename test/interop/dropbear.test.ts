import { describePeer } from '../peers.ts';
import { tryEveryAlgorithm } from './matrix.ts';

describePeer('dropbear', "every algorithm of ours with dropbear's server", () => {
  tryEveryAlgorithm('dropbear', { everyPair: false });
});
