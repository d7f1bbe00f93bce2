import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PeerAddress } from '../../../../src/control/daemon/peer-address.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the address of the other node', () => {
  it('is asked for again when it has a name: not known at first, or another one later', async () => {
    const answers = [null, '10.0.0.2', '10.0.0.2', null, '10.0.0.3'];
    const asked: unknown[] = [];
    const address = await PeerAddress.find('fw2.example.org', '10.0.0.1', async (...args) => {
      asked.push(args);
      return [answers.shift() ?? []].flat();
    });
    expect(address.current).toBeNull();
    const heard: string[] = [];
    address.follow((each) => heard.push(each));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heard).toEqual(['10.0.0.2']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(heard).toEqual(['10.0.0.2']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heard).toEqual(['10.0.0.2', '10.0.0.3']);
    expect(address.current).toBe('10.0.0.3');
    address.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(Array(5).fill(['fw2.example.org', 4]));
  });

  it('stays what it is for as long as the name has it, among others and in whatever order', async () => {
    const [one, two, three] = ['10.0.0.2', '10.0.0.3', '10.0.0.4'];
    const answers = [[one, two], [two, one], [three, two, one], [], [three, two]];
    const address = await PeerAddress.find('fw2', '10.0.0.1', async () => answers.shift() ?? []);
    const heard: string[] = [];
    address.follow((each) => heard.push(each));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(address.current).toBe(one);
    expect(heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heard).toEqual([three]);
    address.close();
  });

  it('stays what it is when it is a number', async () => {
    const resolve = vi.fn(async (host: string) => [host]);
    const address = await PeerAddress.find('fd00::2', 'fd00::1', resolve);
    address.follow(() => {});
    await vi.advanceTimersByTimeAsync(60_000);
    expect(resolve.mock.calls).toEqual([['fd00::2', 6]]);
    expect(address.current).toBe('fd00::2');
  });
});
