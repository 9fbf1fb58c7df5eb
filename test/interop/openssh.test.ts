import { describePeer } from '../peers.ts';
import { tryEveryAlgorithm } from './matrix.ts';

describePeer('openssh', "every algorithm of ours with openssh's server", () => {
  tryEveryAlgorithm('openssh', { everyPair: false });
});
