// One transfer by npm's ssh2: bulk-ssh2.cjs HOST PORT USER KEY COMMAND; stdin is sent to the command, its output is thrown away.
const fs = require('node:fs');
const { Client } = require('ssh2');

const [host, port, username, key, command] = process.argv.slice(2);
const client = new Client();
client.on('ready', () => {
  client.exec(command, (error, stream) => {
    if (error) throw error;
    stream.on('close', (code) => {
      process.exitCode = code;
      client.end();
    });
    stream.resume();
    fs.createReadStream('', { fd: 0, highWaterMark: 256 * 1024 }).pipe(stream);
  });
});
client.connect({ host, port: Number(port), username, privateKey: fs.readFileSync(key) });
