/** The clients of a namespace: each attempt is one real connection, spoken to its end. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { AttemptResult, AttemptSpec, Outcome, ServiceKind } from './protocol.js';
import { tlsClient, undress } from './tls.js';
import {
  datagramText,
  dnsQuery,
  isDnsAnswer,
  LDAP_BIND,
  LDAP_BIND_DONE,
  ntpRequest,
  radiusRequest,
  withLength,
} from './wire.js';

/** Does one attempt. Never rejects. */
export function attempt(spec: AttemptSpec): Promise<AttemptResult> {
  switch (spec.transport) {
    case 'tcp':
      return attemptTcp(spec);
    case 'udp':
      return attemptUdp(spec);
    case 'ping':
      return attemptPing(spec);
  }
}

function failure(error: unknown): AttemptResult {
  const { code, message } = error as NodeJS.ErrnoException;
  const outcomes: Record<string, Outcome> = { ECONNREFUSED: 'refused', ETIMEDOUT: 'silent' };
  return { outcome: outcomes[code ?? ''] ?? 'broken', detail: message };
}

function attemptTcp(spec: AttemptSpec): Promise<AttemptResult> {
  const socket = connect({
    host: spec.destination,
    port: spec.port,
    localAddress: spec.source,
    localPort: spec.sourcePort,
    noDelay: true,
  });
  let connected = false;
  return new Promise((resolve) => {
    const done = (result: AttemptResult) => {
      clearTimeout(late);
      resolve(result);
      socket.destroy();
    };
    const late = setTimeout(() => {
      if (connected) done({ outcome: 'broken', detail: 'connected, then no answer' });
      else done({ outcome: 'silent', detail: 'no answer to SYN' });
    }, spec.timeoutMs);
    socket.on('error', (error) => done(failure(error)));
    socket.on('connect', () => {
      connected = true;
      const { kind, secure } = undress(spec.kind as ServiceKind);
      const talk = secure
        ? tlsClient(socket).then((session) => dialogue(kind, session, spec))
        : dialogue(kind, socket, spec);
      talk.then(
        (detail) => done({ outcome: 'answered', detail }),
        (error) => done(failure(error)),
      );
    });
  });
}

/** Bytes of a connection, awaited piece by piece. */
class Reader {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #error: Error | null = null;
  #wake = () => {};

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  /** Waits until `enough` finds what it looks for; throws when the connection ends before. */
  async until(what: string, enough: (bytes: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.#bytes)) {
      if (this.#error) throw this.#error;
      if (this.#ended) throw new Error(`closed before ${what}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const found = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return found;
  }

  line(start: string): Promise<string> {
    const pattern = new RegExp(`(^|\\n)${start}[^\\n]*\\n`);
    return this.until(`"${start}"`, (bytes) => pattern.test(bytes.toString('latin1'))).then(
      (bytes) => bytes.toString('latin1').trim(),
    );
  }
}

async function dialogue(kind: ServiceKind, socket: Socket, spec: AttemptSpec): Promise<string> {
  const reader = new Reader(socket);
  switch (kind) {
    case 'smtp': {
      const banner = await reader.line('220 ');
      socket.write('EHLO client\r\n');
      await reader.line('250 ');
      socket.write('QUIT\r\n');
      await reader.line('221 ');
      return banner;
    }
    case 'imap': {
      const banner = await reader.line('\\* OK ');
      socket.write('a CAPABILITY\r\n');
      await reader.line('a OK');
      socket.write('b LOGOUT\r\n');
      await reader.line('b OK');
      return banner;
    }
    case 'ssh': {
      const banner = await reader.line('SSH-2.0-');
      socket.write('SSH-2.0-client\r\n');
      return banner;
    }
    case 'http': {
      socket.write('GET / HTTP/1.1\r\nHost: lab\r\n\r\n');
      const page = await reader.until('the page', (b) => b.includes('\r\n\r\nthis is'));
      return page.toString('latin1').split('\r\n')[0] ?? '';
    }
    case 'ldap': {
      socket.write(LDAP_BIND);
      await reader.until('bind response', (b) => b.length >= LDAP_BIND_DONE.length);
      return 'bound';
    }
    case 'dns': {
      socket.write(withLength(dnsQuery(spec.sourcePort, 'www.example')));
      await reader.until('answer', (b) => isDnsAnswer(b.subarray(2), spec.sourcePort));
      return 'answer';
    }
    default: {
      const token = `token-${spec.sourcePort}`;
      socket.write(`${token}\r\n`);
      return await reader.line(token);
    }
  }
}

/** What a UDP client sends, and how it knows the answer. */
function question(spec: AttemptSpec): { message: Buffer; good: (answer: Buffer) => boolean } {
  switch (spec.kind) {
    case 'dns':
      return {
        message: dnsQuery(spec.sourcePort, 'www.example'),
        good: (answer) => isDnsAnswer(answer, spec.sourcePort),
      };
    case 'ntp': {
      const message = ntpRequest();
      return { message, good: (a) => a.length === 48 && a.readUInt32BE(24) === 0x5ca1ab1e };
    }
    case 'radius': {
      const message = radiusRequest(spec.sourcePort & 255);
      return { message, good: (a) => a[0] === 3 && a[1] === (spec.sourcePort & 255) };
    }
    default: {
      const message = Buffer.from(datagramText(spec));
      return { message, good: (answer) => answer.equals(message) };
    }
  }
}

function attemptUdp(spec: AttemptSpec): Promise<AttemptResult> {
  const { message, good } = question(spec);
  const socket = createSocket(spec.destination.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const done = (result: AttemptResult) => {
      clearTimeout(late);
      socket.close();
      resolve(result);
    };
    const late = setTimeout(() => done({ outcome: 'silent', detail: 'no answer' }), spec.timeoutMs);
    socket.on('error', (error) => done(failure(error)));
    socket.on('message', (answer) => {
      if (good(answer)) done({ outcome: 'answered', detail: `${answer.length} bytes` });
      else done({ outcome: 'broken', detail: `unexpected answer of ${answer.length} bytes` });
    });
    socket.bind(spec.sourcePort, spec.source, () => {
      // Connected, so that only this peer's answer counts and a port unreachable is heard.
      socket.connect(spec.port, spec.destination, () => {
        // Nobody answers a log line: whoever sent it asks the other end whether it was heard.
        const oneWay = () => done({ outcome: 'silent', detail: 'sent' });
        socket.send(message, spec.kind === 'syslog' ? oneWay : undefined);
      });
    });
  });
}

function attemptPing(spec: AttemptSpec): Promise<AttemptResult> {
  const seconds = String(Math.max(1, Math.ceil(spec.timeoutMs / 1000)));
  const args = ['-n', '-q', '-c', '1', '-W', seconds, '-I', spec.source, spec.destination];
  return new Promise((resolve) => {
    execFile('ping', args, (error, stdout, stderr) => {
      if (!error) resolve({ outcome: 'answered', detail: 'echo reply' });
      else if (error.code === 1) resolve({ outcome: 'silent', detail: 'no echo reply' });
      else resolve({ outcome: 'broken', detail: (stderr || stdout).trim() });
    });
  });
}
