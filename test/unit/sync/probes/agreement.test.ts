/** Two ends of the talk about keys, on a channel that loses calls and answers, against one clock. */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Agreement } from '../../../../src/sync/probes/agreement.js';
import { isPaired, NO_KEYS, type PairKeys } from '../../../../src/sync/probes/keys.js';

type Lost = 'nothing' | 'call' | 'answer';
type Method = 'AgreeKey' | 'ConfirmKey';
type Done = (error: Error | null, response?: unknown) => void;
type Handler = (call: object, reply: Done) => void;

const CALL_MS = 40;

/** fw2 calls fw1. */
class Talk {
  readonly keys: Record<string, PairKeys> = {};
  readonly errors: string[] = [];
  /** What becomes of the calls that come next. */
  readonly fate: Partial<Record<Method, Lost[]>> = {};
  readonly ends: Record<string, Agreement> = {};
  /** Signed with by one and not taken by the other, after the first time that both had a key. */
  readonly deaf: string[] = [];
  keepMs = 0;
  #paired = false;
  #connection = 0;
  #up: (up: boolean) => void = () => {};

  constructor(keys: { fw1?: PairKeys; fw2?: PairKeys } = {}) {
    for (const [node, peer] of [
      ['fw1', 'fw2'],
      ['fw2', 'fw1'],
    ] as const) {
      this.keys[node] = keys[node] ?? NO_KEYS;
      this.ends[node] = new Agreement({
        ...{ node, peer, keys: this.keys[node] },
        channel: {
          watch: (listener: (state: never) => void) => {
            this.#up = (up) => listener({ up } as never);
          },
          client: () => this.#client() as never,
        },
        keep: async (next) => {
          await new Promise((resolve) => setTimeout(resolve, this.keepMs));
          this.keys[node] = next;
          this.#check(node);
        },
        onError: (error) => this.errors.push(String(error)),
      });
    }
  }

  join(): void {
    this.#connection++;
    this.#up(true);
  }

  cut(): void {
    this.#connection++;
    this.#up(false);
  }

  close(): void {
    for (const end of Object.values(this.ends)) end.close();
  }

  hears(node: string, other: string): boolean {
    const { slots, sign } = this.keys[other]!;
    const key = slots[sign];
    return !!key && (this.keys[node]!.slots[sign]?.equals(key) ?? false);
  }

  #check(node: string): void {
    const all = this.hears('fw1', 'fw2') && this.hears('fw2', 'fw1');
    this.#paired ||= all;
    const empty =
      isPaired(this.keys[node]!) && this.keys[node]!.slots[this.keys[node]!.sign] === null;
    if (empty) this.deaf.push(`${node} signs with nothing`);
    if (this.#paired && !all) this.deaf.push(`at ${Date.now()} by a change of ${node}`);
  }

  #client() {
    const connection = this.#connection;
    const call = (method: Method) => (request: object, _: object, done: Done) => {
      const lost = this.fate[method]?.shift() ?? 'nothing';
      const gone = () => connection !== this.#connection;
      const fail = () => done(Object.assign(new Error('gone'), { code: status.UNAVAILABLE }));
      setTimeout(() => {
        if (lost === 'call' || gone()) return fail();
        const handlers = this.ends.fw1!.handlers as unknown as Record<Method, Handler>;
        handlers[method](
          { request: { held: [], sign: 0, ...request }, cancelled: false },
          (error, response) => {
            setTimeout(
              () => (lost === 'answer' || gone() ? fail() : done(error, response)),
              CALL_MS,
            );
          },
        );
      }, CALL_MS);
    };
    return { AgreeKey: call('AgreeKey'), ConfirmKey: call('ConfirmKey') };
  }
}

describe('the talk about keys', () => {
  let talk: Talk;
  const open = (...keys: ConstructorParameters<typeof Talk>) => {
    talk = new Talk(...keys);
    return talk;
  };
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    talk.close();
    vi.useRealTimers();
  });

  it('ends with one key on both nodes', async () => {
    open().join();
    await pass(20_000);
    expect(talk.keys.fw1).toEqual(talk.keys.fw2);
    expect(talk.keys.fw1!.slots.filter((key) => key !== null)).toHaveLength(1);
    expect([talk.hears('fw1', 'fw2'), talk.hears('fw2', 'fw1')]).toEqual([true, true]);
    const first = talk.keys.fw1!.slots[talk.keys.fw1!.sign]!;
    talk.cut();
    talk.join();
    await pass(20_000);
    expect(talk.keys.fw1).toEqual(talk.keys.fw2);
    expect(talk.keys.fw1!.slots.some((key) => key?.equals(first))).toBe(false);
    expect(talk.deaf).toEqual([]);
  });

  it.each([0, 30])(
    'leaves nobody deaf whenever a second one comes; writes last %i ms',
    async (keepMs) => {
      for (let at = 0; at <= 7000; at += at < 400 ? 10 : 230) {
        open();
        talk.keepMs = keepMs;
        talk.join();
        await pass(20_000);
        talk.cut();
        talk.join();
        await pass(at);
        talk.cut();
        talk.join();
        await pass(at);
        talk.join();
        await pass(20_000);
        expect(talk.deaf, `after ${at} ms`).toEqual([]);
        expect(talk.keys.fw1, `after ${at} ms`).toEqual(talk.keys.fw2);
        talk.close();
      }
    },
  );

  const losses = ['call', 'answer'] as const;
  it.each(
    losses.flatMap((lost) =>
      (['AgreeKey', 'ConfirmKey'] as const).map((method) => ({ lost, method })),
    ),
  )(
    'leaves nobody deaf when the $lost of $method is lost, and is begun anew',
    async ({ lost, method }) => {
      open().join();
      await pass(20_000);
      for (const connected of [true, false]) {
        const before = talk.keys.fw1;
        talk.fate[method] = [lost];
        talk.join();
        await pass(1000);
        if (!connected) talk.cut();
        await pass(60_000);
        expect([talk.hears('fw1', 'fw2'), talk.hears('fw2', 'fw1')]).toEqual([true, true]);
        if (!connected) talk.join();
        await pass(20_000);
        expect(talk.keys.fw1).toEqual(talk.keys.fw2);
        expect(talk.keys.fw1).not.toEqual(before);
      }
      expect(talk.errors).not.toEqual([]);
      expect(talk.deaf).toEqual([]);
    },
  );

  it.each(['fw1', 'fw2'] as const)('gives %s a key again after it lost all', async (node) => {
    open().join();
    await pass(20_000);
    const { fw1, fw2 } = talk.keys;
    talk.close();
    open({ fw1: fw1!, fw2: fw2!, [node]: NO_KEYS }).join();
    await pass(20_000);
    expect(talk.keys.fw1).toEqual(talk.keys.fw2);
    expect(isPaired(talk.keys.fw1!)).toBe(true);
    expect(talk.deaf).toEqual([]);
  });

  it('takes no confirmation of another key', async () => {
    open().join();
    await pass(20_000);
    const before = talk.keys.fw1;
    const answer = await new Promise<unknown>((resolve) => {
      const { ConfirmKey } = talk.ends.fw1!.handlers as unknown as Record<Method, Handler>;
      ConfirmKey({ request: { mark: Buffer.alloc(16) } }, (error) => resolve(error));
    });
    expect(answer).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(talk.keys.fw1).toEqual(before);
  });
});
