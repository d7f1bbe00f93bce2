import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChangesMessage } from '../../../../src/generated/proto/bridgewall/v1/ChangesMessage.js';
import { type ChangesCall, MOST_WAITING, Outbox } from '../../../../src/sync/replication/outbox.js';
import type { RecordKind } from '../../../../src/sync/replication/table.js';

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

function put(outbox: Outbox, kind: RecordKind, records: Uint8Array, lost = false): void {
  outbox.put([{ kind, records }], lost);
}

describe('an outbox', () => {
  it('writes what comes at once as one message, each kind in its field', () => {
    const { call, outbox } = make();
    const records = (value: number) => Buffer.alloc(56, value);
    outbox.put(
      [
        { kind: 'states4', records: records(1) },
        { kind: 'states4', records: records(3) },
        { kind: 'ends', records: records(2) },
      ],
      false,
    );
    expect(call.written).toHaveLength(1);
    const [message] = call.written;
    expect(message).toMatchObject({ epoch: 9, sequence: 1, gap: false });
    expect(message!.states4).toEqual(Buffer.concat([records(1), records(3)]));
    expect(message!.ends).toEqual(records(2));
    expect(outbox.sent).toBe(168);
  });

  it('keeps what comes while the other side is slow, drops all of it at the limit, and says so', async () => {
    const { call, outbox } = make();
    call.takes = false;
    put(outbox, 'states', Buffer.alloc(1 << 17));
    const piece = Buffer.alloc(1 << 20);
    for (let i = 0; i < 8; i++) put(outbox, 'states', piece);
    expect(outbox.waiting).toBe(MOST_WAITING);
    expect(call.written).toHaveLength(1);
    put(outbox, 'states', piece);
    expect(outbox.waiting).toBe(0);
    put(outbox, 'ends4', Buffer.alloc(32));
    call.drain();
    await sleep(5);
    expect(call.written).toHaveLength(2);
    expect(call.written[1]).toMatchObject({ gap: true, ends4: Buffer.alloc(32) });
    put(outbox, 'ends4', Buffer.alloc(32));
    await sleep(20);
    expect(call.written[2]).toMatchObject({ gap: false });
  });

  it('says that records were lost before it got them', async () => {
    const { call, outbox } = make();
    put(outbox, 'ends4', Buffer.alloc(32), true);
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
    call.takes = false;
    put(outbox, 'ends4', Buffer.alloc(32));
    put(outbox, 'ends4', Buffer.alloc(32));
    outbox.close();
    put(outbox, 'ends4', Buffer.alloc(32));
    call.drain();
    await sleep(5);
    expect(call.written).toHaveLength(1);
    expect(call.ended).toBe(true);
  });
});
