/** Many live TCP connections from one client, each with a server that echoes. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Bench, SERVER } from '../daemon/bench.js';

/** What the client process does: opens connections, and on each line of orders sends over all of them. */
const CLIENT = `
const net = require('net');
const [count, port, host] = [Number(process.argv[1]), 80, process.argv[2]];
const sockets = []; let open = 0, dead = 0, round = 0, back = 0, chatting = false;
const say = (o) => console.log(JSON.stringify(o));
function one() {
  const s = net.connect(port, host, () => { if (++open === count) say({ open }); else if (open + 49 < count || sockets.length < count) next(); });
  s.heard = ''; s.sent = 0; s.got = 0;
  s.on('data', (d) => {
    s.got += d.length;
    if (s.got === s.sent) { back++; if (chatting) s.send(); s.settle?.(); }
  });
  s.on('error', () => { dead++; }).on('close', () => { dead++; });
  s.send = () => { const t = 'x'.repeat(20 + (round % 80)); s.sent += t.length; s.write(t); };
  sockets.push(s);
}
function next() { if (sockets.length < count) one(); }
for (let i = 0; i < 50 && i < count; i++) one();
require('readline').createInterface({ input: process.stdin }).on('line', async (order) => {
  round++;
  if (order === 'echo') {
    const all = sockets.map((s) => new Promise((r) => {
      const late = setTimeout(() => r(0), 8000);
      s.settle = () => { clearTimeout(late); s.settle = undefined; r(1); };
      s.send();
    }));
    say({ echoed: (await Promise.all(all)).reduce((a, b) => a + b, 0) });
  }
  if (order === 'chat') { chatting = true; for (let i = 0; i < sockets.length; i += 10) sockets[i].send(); say({ chatting }); }
  if (order === 'hush') {
    chatting = false;
    const deadline = Date.now() + 8000;
    while (Date.now() < deadline && sockets.some((s) => s.got !== s.sent)) await new Promise((r) => setTimeout(r, 20));
    say({ hushed: back });
  }
  if (order === 'lost') say({ lost: dead + sockets.filter((s) => s.got !== s.sent).length });
});
`;

type Answer = Readonly<Record<string, number>>;

export class Crowd {
  readonly #child: ChildProcess;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #lost = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#waiting.shift()?.(JSON.parse(line) as Answer);
    });
  }

  /** Resolves once all connections are there. */
  static async open(bench: Bench, count: number): Promise<Crowd> {
    const args = [process.execPath, '-e', CLIENT, String(count), SERVER.v4];
    const crowd = new Crowd(bench.client.spawn(args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await crowd.#answer();
    return crowd;
  }

  /** Sends over every connection; how many came back. */
  async echoes(): Promise<number> {
    const { echoed = 0 } = await this.#ask('echo');
    this.#lost = (await this.#ask('lost')).lost ?? 0;
    return echoed;
  }

  /** Connections that ended or that owe something, when last asked. */
  lost(): number {
    return this.#lost;
  }

  /** Keeps a tenth of the connections talking without a pause. */
  chatter(): { stop(): Promise<number> } {
    const begun = this.#ask('chat');
    return {
      stop: async () => {
        await begun;
        return (await this.#ask('hush')).hushed ?? 0;
      },
    };
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  #ask(order: string): Promise<Answer> {
    const answer = this.#answer();
    this.#child.stdin!.write(`${order}\n`);
    return answer;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
