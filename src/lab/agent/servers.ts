/** The servers of a namespace: small, but each speaks its protocol. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import type { ServiceKind, ServiceSpec } from './protocol.js';
import { serveStream } from './stream.js';
import { tlsServer, undress } from './tls.js';
import { dnsAnswer, LDAP_BIND_DONE, ntpReply, radiusReject, withLength } from './wire.js';

/** Remembers one-way datagrams, for services that never answer. */
export class Ears {
  readonly #texts = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  hear(text: string): void {
    this.#texts.add(text);
    this.#waiting.get(text)?.();
  }

  /** Resolves true once `text` was heard, false after `timeoutMs`. */
  wait(text: string, timeoutMs: number): Promise<boolean> {
    if (this.#texts.has(text)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (heard: boolean) => {
        clearTimeout(late);
        this.#waiting.delete(text);
        resolve(heard);
      };
      const late = setTimeout(() => done(false), timeoutMs);
      this.#waiting.set(text, () => done(true));
    });
  }
}

/**
 * Listens on every service of `specs`; resolves once all are bound. UDP sockets are bound to each of
 * `addresses`, so that an answer leaves from the address that was asked.
 */
export async function serve(
  host: string,
  addresses: readonly string[],
  specs: readonly ServiceSpec[],
  ears: Ears,
): Promise<number> {
  await Promise.all(
    specs.flatMap((spec) =>
      spec.transport === 'tcp'
        ? [listenTcp(host, spec)]
        : addresses.map((address) => listenUdp(spec, address, ears)),
    ),
  );
  return specs.length;
}

function listenTcp(host: string, spec: ServiceSpec): Promise<void> {
  const { kind, secure } = undress(spec.kind);
  const talk = (socket: Socket) => {
    // Clients come and go as the policy says; a reset is nothing to report.
    socket.on('error', () => socket.destroy());
    converse(kind, host, socket);
  };
  const server = secure ? tlsServer(talk) : createServer({ noDelay: true }, talk);
  server.on('tlsClientError', () => {});
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '::', port: spec.port, backlog: 1024 }, resolve);
  });
}

function converse(kind: ServiceKind, host: string, socket: Socket): void {
  switch (kind) {
    case 'smtp':
      socket.write(`220 ${host} ESMTP\r\n`);
      onLine(socket, (line) => smtpReply(line, host));
      break;
    case 'imap':
      socket.write(`* OK ${host} IMAP4rev1\r\n`);
      onLine(socket, imapReply);
      break;
    case 'ssh':
      socket.write(`SSH-2.0-${host}\r\n`);
      onLine(socket, () => ({ text: '', end: true }));
      break;
    case 'http':
      serveHttp(socket, host);
      break;
    case 'ldap':
      socket.on('data', () => socket.end(LDAP_BIND_DONE));
      break;
    case 'dns':
      socket.on('data', (query: Buffer) => {
        if (query.length > 14) socket.end(withLength(dnsAnswer(query.subarray(2))));
      });
      break;
    default:
      onLine(socket, (line) => ({ text: `${line}\r\n`, end: true }));
  }
}

interface Reply {
  readonly text: string;
  readonly end: boolean;
}

function smtpReply(line: string, host: string): Reply {
  const verb = line.slice(0, 4).toUpperCase();
  if (verb === 'QUIT') return { text: '221 bye\r\n', end: true };
  if (verb === 'EHLO' || verb === 'LHLO') return { text: `250 ${host}\r\n`, end: false };
  return { text: '502 not here\r\n', end: false };
}

function imapReply(line: string): Reply {
  const [tag = '*', verb = ''] = line.split(' ');
  if (verb.toUpperCase() === 'LOGOUT') {
    return { text: `* BYE\r\n${tag} OK LOGOUT\r\n`, end: true };
  }
  return { text: `* CAPABILITY IMAP4rev1\r\n${tag} OK\r\n`, end: false };
}

function onLine(socket: Socket, reply: (line: string) => Reply): void {
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end).replace(/\r$/, '');
      text = text.slice(end + 1);
      const said = reply(line);
      if (said.end) socket.end(said.text);
      else socket.write(said.text);
    }
  });
}

function serveHttp(socket: Socket, host: string): void {
  let head = '';
  socket.on('data', (bytes: Buffer) => {
    if (head.includes('\r\n\r\n')) return;
    head += bytes.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    const pace = /^GET \/stream\?pace=(\d+) /.exec(head)?.[1];
    if (pace !== undefined) {
      serveStream(socket, Number(pace));
      return;
    }
    const body = `this is ${host}\n`;
    socket.end(
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
}

function listenUdp(spec: ServiceSpec, address: string, ears: Ears): Promise<void> {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket({ type, recvBufferSize: 1 << 20 });
  socket.on('message', (message, from) => {
    const answer = datagramAnswer(spec.kind, message, ears);
    if (answer) send(socket, answer, from.port, from.address);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port: spec.port, address, exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      resolve();
    });
  });
}

function send(socket: UdpSocket, answer: Buffer, port: number, address: string): void {
  // An unreachable client is the client's business.
  socket.send(answer, port, address, () => {});
}

function datagramAnswer(kind: ServiceKind, message: Buffer, ears: Ears): Buffer | null {
  switch (kind) {
    case 'dns':
      return message.length > 12 ? dnsAnswer(message) : null;
    case 'ntp':
      return message.length === 48 ? ntpReply(message) : null;
    case 'radius':
      return message.length >= 20 ? radiusReject(message) : null;
    case 'syslog':
      ears.hear(message.toString('latin1'));
      return null;
    default:
      return message;
  }
}
