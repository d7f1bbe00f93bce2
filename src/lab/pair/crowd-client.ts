/**
 * A crowd of clients: opens connections to an echo server and lets each speak now and then; told by lines of
 * JSON on standard input, answers with one each. Ends when standard input does.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { CrowdOrder, CrowdReport } from './crowd.js';

const WORD = 'the connection lives\n';
/** Connections that are being opened at a time. */
const AT_ONCE = 100;
/** Connections that are asked at a time, each 10 ms. */
const ASKED_AT_ONCE = 500;
/** As many of them are named as make sense to look at. */
const NAMED = 8;
/** An echo that takes longer was lost, and TCP had to send again. */
const LATE_MS = 1000;

interface Client {
  readonly socket: Socket;
  owed: number;
  askedAt: number;
}

const clients: Client[] = [];
let [echoed, ended, resets, late, turn] = [0, 0, 0, 0, 0];
let talking: NodeJS.Timeout | null = null;

function open(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    const client: Client = { socket, owed: 0, askedAt: 0 };
    socket.setNoDelay(true);
    socket.once('connect', () => {
      clients.push(client);
      resolve();
    });
    socket.on('data', (data) => {
      client.owed -= data.length;
      if (client.owed !== 0) return;
      echoed++;
      if (performance.now() - client.askedAt > LATE_MS) late++;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') resets++;
      reject(error);
    });
    socket.on('close', () => {
      ended++;
    });
  });
}

async function openAll({ host, port, count }: Extract<CrowdOrder, { do: 'open' }>): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) await open(host, port);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Lets so many speak a second, one after the other. */
function talk(perSecond: number): void {
  if (talking !== null) clearInterval(talking);
  talking = null;
  if (perSecond === 0) return;
  let due = 0;
  let last = performance.now();
  talking = setInterval(() => {
    const now = performance.now();
    due += ((now - last) * perSecond) / 1000;
    last = now;
    for (; due >= 1; due--) speak(clients[turn++ % clients.length]!);
  }, 5);
}

function speak(client: Client): void {
  // One word at a time: whoever still waits for an echo has something to repeat.
  if (client.owed > 0 || client.socket.destroyed) return;
  client.owed = WORD.length;
  client.askedAt = performance.now();
  client.socket.write(WORD);
}

/** Every one of them speaks, and is waited for; whoever still waits for an echo says no more before. */
async function ask(withinMs: number): Promise<void> {
  talk(0);
  const deadline = performance.now() + withinMs;
  const silent = new Set(clients.filter(({ socket }) => !socket.destroyed));
  const waits = ({ owed, socket }: Client) => owed > 0 && !socket.destroyed;
  while (performance.now() < deadline && (silent.size > 0 || clients.some(waits))) {
    const next = [...silent].filter(({ owed }) => owed === 0).slice(0, ASKED_AT_ONCE);
    for (const client of next) {
      silent.delete(client);
      speak(client);
    }
    await pause();
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

function report(): CrowdReport {
  const owing = clients.filter(({ owed, socket }) => owed > 0 && !socket.destroyed);
  const ports = owing.slice(0, NAMED).map(({ socket }) => socket.localPort ?? 0);
  return {
    ...{ open: clients.length - ended, echoed, ended, resets, late },
    ...{ owing: owing.length, owingPorts: ports },
  };
}

async function obey(order: CrowdOrder): Promise<CrowdReport> {
  if (order.do === 'open') await openAll(order);
  else if (order.do === 'talk') talk(order.perSecond);
  else if (order.do === 'ask') await ask(order.withinMs);
  return report();
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    obey(JSON.parse(line) as CrowdOrder).then(
      (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
      (error) => process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`),
    );
  })
  .on('close', () => process.exit(0));
