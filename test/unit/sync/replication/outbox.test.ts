import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChangesMessage } from '../../../../src/generated/proto/bridgewall/v1/ChangesMessage.js';
import { type ChangesCall, MOST_WAITING, Outbox } from '../../../../src/sync/replication/outbox.js';

/** A call whose other side takes as much as it is told to. */
class Call extends EventEmitter {
  readonly written: ChangesMessage[] = [];
  takes = true;
  writable = true;
  destroyed = false;
  ended = false;

  write(message: ChangesMessage): boolean {
    this.written.push(message);
    return this.takes;
  }

  end(): void {
    this.ended = true;
  }

  drain(): void {
    this.takes = true;
    this.emit('drain');
  }
}

function make(): { call: Call; outbox: Outbox } {
  const call = new Call();
  return { call, outbox: new Outbox(call as unknown as ChangesCall, () => 9) };
}

describe('an outbox', () => {
  it('gathers records of a moment into one message, each kind in its field', async () => {
    const { call, outbox } = make();
    outbox.put('states4', Buffer.alloc(56, 1), false);
    outbox.put('ends', Buffer.alloc(56, 2), false);
    outbox.put('states4', Buffer.alloc(56, 3), false);
    expect(call.written).toEqual([]);
    await sleep(20);
    expect(call.written).toHaveLength(1);
    const [message] = call.written;
    expect(message).toMatchObject({ epoch: 9, sequence: 1, gap: false });
    expect(message!.states4).toEqual(Buffer.concat([Buffer.alloc(56, 1), Buffer.alloc(56, 3)]));
    expect(message!.ends).toEqual(Buffer.alloc(56, 2));
    expect(outbox.sent).toBe(168);
  });

  it('does not wait for more than a message holds', () => {
    const { call, outbox } = make();
    outbox.put('states', Buffer.alloc(1 << 17), false);
    expect(call.written).toHaveLength(1);
    outbox.close();
  });

  it('keeps what comes while the other side is slow, drops all of it at the limit, and says so', async () => {
    const { call, outbox } = make();
    call.takes = false;
    outbox.put('states', Buffer.alloc(1 << 17), false);
    const piece = Buffer.alloc(1 << 20);
    for (let i = 0; i < 8; i++) outbox.put('states', piece, false);
    expect(outbox.waiting).toBe(MOST_WAITING);
    expect(call.written).toHaveLength(1);
    outbox.put('states', piece, false);
    expect(outbox.waiting).toBe(0);
    outbox.put('ends4', Buffer.alloc(32), false);
    call.drain();
    await sleep(5);
    expect(call.written).toHaveLength(2);
    expect(call.written[1]).toMatchObject({ gap: true, ends4: Buffer.alloc(32) });
    outbox.put('ends4', Buffer.alloc(32), false);
    await sleep(20);
    expect(call.written[2]).toMatchObject({ gap: false });
  });

  it('says that records were lost before it got them', async () => {
    const { call, outbox } = make();
    outbox.put('ends4', Buffer.alloc(32), true);
    await sleep(20);
    expect(call.written[0]).toMatchObject({ gap: true });
  });

  it('lets a pass wait until the other side takes more', async () => {
    const { call, outbox } = make();
    call.takes = false;
    let done = false;
    const pass = outbox.pass(Buffer.alloc(80)).then(() => {
      done = true;
    });
    await sleep(20);
    expect(done).toBe(false);
    call.drain();
    await pass;
    expect(call.written).toHaveLength(1);
    await outbox.passed(12);
    expect(call.written[1]).toMatchObject({ toldUntilMs: 12 });
  });

  it('writes nothing any more once it is closed', async () => {
    const { call, outbox } = make();
    outbox.put('ends4', Buffer.alloc(32), false);
    outbox.close();
    outbox.put('ends4', Buffer.alloc(32), false);
    await sleep(20);
    expect(call.written).toEqual([]);
    expect(call.ended).toBe(true);
  });
});
