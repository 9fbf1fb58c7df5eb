import { LONGEST_AGENT_MESSAGE } from '../wire/agent-messages.ts';
import { FrameReader as MessageFrames } from '../wire/frames.ts';

export { frame } from '../wire/frames.ts';

/** Cuts a stream of bytes into messages of the agent protocol, none longer than 256 KiB. */
export class FrameReader extends MessageFrames {
  constructor() {
    super(LONGEST_AGENT_MESSAGE, 'agent');
  }
}
