import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A small web server. */
export interface WebServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves one text on a free port of loopback. */
export function serveText(text: string): Promise<WebServer> {
  const server = http.createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(text);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ port, close: () => closed(server) });
    });
  });
}

/** The body at a URL; tries again while nobody listens there, for at most so many milliseconds. @throws what the last try did. */
export async function fetchText(url: string, patienceMs: number): Promise<string> {
  for (const until = Date.now() + patienceMs; ; ) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
}

function closed(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
