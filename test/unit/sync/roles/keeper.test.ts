/** What becomes of a decision when the packet path has decided meanwhile. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type KeeperDeps, RoleKeeper, type View } from '../../../../src/sync/roles/index.js';

/** The role word, which others may write at any moment. */
class Word {
  now = { standby: true, epoch: 0 };
  /** What happens right after the next look at it. */
  meanwhile: (() => void) | null = null;

  read() {
    const { now, meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    return { ...now };
  }

  change(was: View['word'], to: View['word']): boolean {
    if (was.standby !== this.now.standby || was.epoch !== this.now.epoch) return false;
    this.now = { ...to };
    return true;
  }
}

let keeper: RoleKeeper;
let now = 1000;
const path = { met: false, silentFor: 10_000, said: null };
const alone = (): Omit<View, 'word'> => ({
  now,
  links: { uplink: true, inside: true },
  quiet: { uplink: 0, inside: 0 },
  paths: { uplink: path, inside: path, sync: path },
  ...{ ready: true, paired: true, strangers: false, connected: false },
});

function keep(word: Word) {
  const told = { kick: vi.fn(), onActive: vi.fn(), onTakeover: vi.fn() };
  const deps: KeeperDeps = {
    settings: { priority: 100, first: true, preempt: false, external: false },
    ...{ epoch: 0, order: null, word, look: alone, ...told },
    ...{ announce: () => {}, onChange: () => {}, onEpoch: () => {}, onAdvice: () => {} },
  };
  keeper = new RoleKeeper(deps);
  return told;
}

describe('a keeper of the role', () => {
  afterEach(() => keeper.close());

  it('does not undo what the packet path did while it decided', () => {
    const word = new Word();
    word.now = { standby: false, epoch: 3 };
    const { onActive, onTakeover } = keep(word);
    expect(keeper.status.state).toBe('active');
    // It hears a better one, and yields.
    word.meanwhile = () => {
      word.now = { standby: true, epoch: 3 };
    };
    keeper.look();
    expect(word.now).toEqual({ standby: true, epoch: 3 });
    expect(onTakeover).not.toHaveBeenCalled();
    expect(onActive).not.toHaveBeenCalled();
    keeper.look();
    expect(keeper.status.state).toBe('standby');
  });

  it('makes it so where nobody did', () => {
    const word = new Word();
    const { onActive } = keep(word);
    now += 1;
    keeper.look();
    expect(word.now.standby).toBe(true);
    now += 4000;
    keeper.look();
    expect(word.now).toEqual({ standby: false, epoch: 1 });
    expect(onActive).toHaveBeenCalledOnce();
  });
});
