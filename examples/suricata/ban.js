#!/usr/bin/env node
/**
 * Bans whom Suricata tells of: follows an eve.json, and puts the sources of grave alerts into a dynamic
 * group of the wall for a while. Over one stream (`SetUpdate`), so that a ban is there within milliseconds;
 * the wall then ends the live connections of who is banned within a second.
 *
 *   node examples/suricata/ban.js --eve /var/log/suricata/eve.json --set badguys --ttl 3600 \
 *     --severity 2 --never 203.0.113.0/24
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NodeClient } from '../../dist/src/control/api/client.js';

const POLL_MS = 100;
const CHUNK = 1 << 16;
const RETRY_MS = 1000;
/** Addresses that are nobody's of the Internet: there sits whoever this site belongs to. */
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['127.0.0.0/8', 'fc00::/7', 'fe80::/10', '::1/128'],
];

const { values: options } = parseArgs({
  options: {
    socket: { type: 'string', default: '/run/bridgewall/fw1.sock' },
    eve: { type: 'string', default: '/var/log/suricata/eve.json' },
    set: { type: 'string', default: 'badguys' },
    ttl: { type: 'string', default: '3600' }, // seconds
    severity: { type: 'string', default: '2' }, // 1 is the gravest; this and graver
    category: { type: 'string', multiple: true, default: [] }, // of alerts; none: every one
    never: { type: 'string', multiple: true, default: [] }, // addresses and prefixes
    private: { type: 'boolean', default: false }, // ban private addresses as well
    spoofable: { type: 'boolean', default: false }, // also for what anybody can send in any name
    'from-start': { type: 'boolean', default: false }, // what is in the file already counts, too
  },
});

const never = new BlockList();
for (const text of [...options.never, ...(options.private ? [] : PRIVATE)]) {
  const [address, bits] = text.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  never.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
}

/** Lines of a file that grows, also when another one takes its place. */
async function* linesOf(path, fromStart) {
  let [fd, at, decoder, rest] = [-1, 0, new StringDecoder(), ''];
  const buffer = Buffer.alloc(CHUNK);
  for (let first = true; ; first = false) {
    if (fd < 0) {
      try {
        fd = openSync(path, 'r');
        at = first && !fromStart ? fstatSync(fd).size : 0;
        [decoder, rest] = [new StringDecoder(), ''];
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
        await pause(POLL_MS);
        continue;
      }
    }
    const length = readSync(fd, buffer, 0, CHUNK, at);
    if (length > 0) {
      at += length;
      const lines = (rest + decoder.write(buffer.subarray(0, length))).split('\n');
      rest = lines.pop();
      yield* lines;
      continue;
    }
    // To its end; has it been cut (copytruncate), or moved away (rename)?
    const own = fstatSync(fd);
    const there = statSync(path, { throwIfNoEntry: false });
    if (own.size < at) at = 0;
    if (there !== undefined && there.ino !== own.ino) {
      closeSync(fd);
      fd = -1;
    } else {
      await pause(POLL_MS);
    }
  }
}

/** Whom to ban for a line; null: nobody. */
function culprit(line) {
  let event;
  try {
    event = JSON.parse(line);
  } catch {
    return null;
  }
  if (event?.event_type !== 'alert') return null;
  const { alert, proto, flow } = event;
  if (!(alert?.severity <= Number(options.severity))) return null;
  if (options.category.length > 0 && !options.category.includes(alert.category)) return null;
  // A packet in a TCP connection that was answered: its sender is who it says.
  const proven = proto === 'TCP' && flow?.pkts_toclient > 0 && flow?.pkts_toserver > 1;
  if (!proven && !options.spoofable) return null;
  // Rules with `target` say who attacks; of the others, the sender does.
  const address = alert.source?.ip ?? event.src_ip;
  const family = { 4: 'ipv4', 6: 'ipv6' }[isIP(address ?? '')];
  if (family === undefined || never.check(address, family)) return null;
  return { address, why: alert.signature ?? alert.signature_id };
}

const node = new NodeClient(options.socket);
let updates = null;
let retryAt = 0;

/** The stream to the wall; opened again when the daemon has restarted. */
async function stream() {
  if (updates === null) {
    const opened = await node.setUpdates();
    opened.ended.then(
      () => (updates = null),
      () => (updates = null),
    );
    updates = opened;
  }
  return updates;
}

async function ban({ address, why }) {
  const change = {
    name: options.set,
    address,
    remove: false,
    ttl: Number(options.ttl),
    keep: false,
  };
  for (;;) {
    try {
      const [refused] = await (await stream()).change([change]);
      console.log(refused ? `not banned: ${refused.why}` : `banned ${address}: ${why}`);
      return;
    } catch (error) {
      updates = null;
      if (Date.now() >= retryAt) console.error(`${error.message}; trying again`);
      retryAt = Date.now() + 60_000;
      await pause(RETRY_MS);
    }
  }
}

/** Who was banned, and when: a burst of alerts is one change. */
const banned = new Map();
const FRESH_MS = Math.min(60_000, Number(options.ttl) * 500);

console.log(`following ${options.eve}`);
for await (const line of linesOf(options.eve, options['from-start'])) {
  const found = culprit(line);
  if (found === null) continue;
  const now = Date.now();
  for (const [address, at] of banned) {
    if (now - at < FRESH_MS) break;
    banned.delete(address);
  }
  if (banned.has(found.address)) continue;
  banned.set(found.address, now);
  ban(found);
}
