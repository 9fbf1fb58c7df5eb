/** Copies stdin to stdout by a source and a sink; exits with 32 where the reader left. $TICKS names a file that grows with every timer. */
import fs from 'node:fs';
import { errnoOf } from '../../src/node/errno.ts';
import { openSource } from '../../src/node/local-input.ts';
import { openSink } from '../../src/node/local-output.ts';

const source = openSource(0);
const sink = openSink(1);
sink.onDrain = () => source.resume();
sink.onClosed = (error) => process.exit(errnoOf(error) === 'EPIPE' ? 32 : 33);
source.start({
  data: (bytes) => {
    if (!sink.write(bytes)) source.pause();
  },
  end: () => sink.end(() => process.exit(0)),
  error: () => process.exit(34),
});
const ticks = process.env.TICKS;
if (ticks !== undefined) setInterval(() => fs.appendFileSync(ticks, '.'), 2);
