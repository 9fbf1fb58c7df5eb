import { describePeer } from '../peers.ts';
import { tryEveryAlgorithm } from './matrix.ts';

describePeer('openssh-10', "every algorithm of ours with openssh-10's server", () => {
  tryEveryAlgorithm('openssh-10', { everyPair: true });
});
