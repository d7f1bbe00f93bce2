/** What each kind of trouble leads to. */
import { describe, expect, it } from 'vitest';
import { RoleRefusal, SEGMENTS } from '../../../../src/sync/roles/index.js';
import { type Node, Pair } from './pair.js';

/** `a` is active, `b` its standby. */
function pair(a = {}, b = {}): Pair {
  const both = new Pair(a, b);
  both.run(5000);
  expect(both.activeNode).toBe(both.a);
  expect(both.b.last!.state).toBe('standby');
  both.longestDark = 0;
  return both;
}

function silence(node: Node, on = false): void {
  for (const segment of SEGMENTS) {
    node.takes[segment] = on;
    node.sends[segment] = on;
  }
}

function ask(both: Pair, node: Node, what: 'takeOver' | 'yield'): void {
  node.machine[what](both.view(node), 'test');
}

describe('a standby', () => {
  it('takes over from an active without power, within five probes', () => {
    const both = pair();
    both.a.power = false;
    both.run(60);
    expect(both.activeNode).toBe(both.b);
    expect(both.b.last).toMatchObject({ state: 'active', reason: 'the other node is silent' });
    expect(both.b.word.epoch).toBeGreaterThan(both.a.word.epoch);
  });

  it('takes over from one whose ports are dead though its daemon lives', () => {
    const both = pair();
    silence(both.a);
    both.run(80);
    expect(both.b.active).toBe(true);
    expect(both.b.last!.reason).toBe('the other node is silent on both segments');
  });

  it('whose own ports are dead takes nothing from an active that has traffic', () => {
    const both = pair();
    silence(both.b);
    both.run(5000);
    expect(both.activeNode).toBe(both.a);
  });

  it('whose own ports died while it was active does not come back for want of traffic', () => {
    const both = pair();
    silence(both.a);
    both.run(500);
    expect(both.activeNode).toBe(both.b);
    expect(both.a.last!.reason).toBe('the other node is active, and here is no traffic');
    both.traffic = { uplink: 'none', inside: 'none' };
    both.run(5000);
    expect(both.activeNode).toBe(both.b);
    silence(both.a, true);
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
  });

  it('leaves an active alone whose daemon is dead or stopped: its packet path answers', () => {
    for (const daemon of ['dead', 'stopped'] as const) {
      const both = pair();
      both.a.daemon = daemon;
      both.run(60_000);
      expect(both.activeNode).toBe(both.a);
      expect(both.b.last!.state).toBe('standby');
    }
  });

  it('that was stopped itself has seen nobody die', () => {
    const both = pair();
    both.b.daemon = 'stopped';
    both.run(5000);
    both.b.resume(both.now);
    both.run(1000);
    expect(both.activeNode).toBe(both.a);
  });

  it('leaves an active alone when the sync link is cut', () => {
    const both = pair();
    both.sync.a = false;
    both.sync.b = false;
    both.run(5000);
    expect(both.activeNode).toBe(both.a);
  });

  it('takes over when frames of one side no longer reach the active, if there is traffic', () => {
    const both = pair();
    both.a.takes.uplink = false;
    both.a.sends.uplink = false;
    both.run(2000);
    expect(both.activeNode).toBe(both.b);
    expect(both.b.last!.reason).toBe('the other node is cut off on the uplink side');
    both.run(10_000);
    expect(both.activeNode).toBe(both.b);
  });

  it('that hears nothing more on a side takes nothing over for what it heard there before', () => {
    for (const side of SEGMENTS) {
      const both = pair();
      both.traffic = { uplink: 'broadcast', inside: 'broadcast' };
      both.run(1000);
      both.b.takes[side] = false;
      both.run(10_000);
      expect(both.activeNode).toBe(both.a);
      expect(both.longestDark).toBe(0);
    }
  });

  it('that heard nobody and became active stands back behind the one that went on', () => {
    const both = pair();
    for (const time of [1, 2, 3]) {
      silence(both.b);
      both.sync.a = false;
      both.sync.b = false;
      both.run(2000);
      expect([both.a.active, both.b.active]).toEqual([true, true]);
      silence(both.b, true);
      both.sync.a = true;
      both.sync.b = true;
      both.run(200);
      expect([time, both.activeNode]).toEqual([time, both.a]);
      expect(both.longestDark).toBe(0);
    }
    // And where it is the active one that was cut off, the other one goes on.
    silence(both.a);
    both.sync.a = false;
    both.sync.b = false;
    both.run(2000);
    silence(both.a, true);
    both.sync.a = true;
    both.sync.b = true;
    both.run(200);
    expect(both.activeNode).toBe(both.b);
  });

  it('is not moved by the loss of its own segment', () => {
    const both = pair();
    both.b.takes.uplink = false;
    both.b.sends.uplink = false;
    both.run(10_000);
    expect(both.activeNode).toBe(both.a);
  });

  it('without the connections does not take over on request, and does when nobody else is there', () => {
    const both = pair();
    both.b.ready = false;
    both.run(100);
    expect(both.b.last!.state).toBe('joining');
    expect(() => ask(both, both.b, 'takeOver')).toThrow(RoleRefusal);
    both.a.power = false;
    both.run(60);
    expect(both.activeNode).toBe(both.b);
  });
});

describe('an active', () => {
  it('hands over at once when a side has no carrier, and is faulty until it is back', () => {
    const both = pair();
    both.a.carrier.inside = false;
    both.run(20);
    expect(both.activeNode).toBe(both.b);
    expect(both.a.last).toMatchObject({
      state: 'fault',
      reason: 'the inside side has no carrier',
    });
    both.a.carrier.inside = true;
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
    expect(both.a.last!.state).toBe('standby');
  });

  it('stays when the other one could not carry on', () => {
    const both = pair();
    both.b.carrier.uplink = false;
    both.run(100);
    both.a.carrier.inside = false;
    both.run(1000);
    expect(both.a.active).toBe(true);
    both.b.carrier.uplink = true;
    both.run(100);
    expect(both.activeNode).toBe(both.b);
  });

  it('yields on request, without a moment in which there is none', () => {
    const both = pair();
    ask(both, both.a, 'yield');
    both.run(30);
    expect(both.activeNode).toBe(both.b);
    expect(both.longestDark).toBe(0);
    expect(both.longestLoop).toBeLessThanOrEqual(10);
  });

  it('stays where it is when it is asked to after it was asked to yield', () => {
    const both = pair();
    ask(both, both.a, 'yield');
    ask(both, both.a, 'takeOver');
    both.run(1500);
    expect(both.activeNode).toBe(both.a);
  });

  it('is not asked to yield to nobody', () => {
    const both = pair();
    both.b.ready = false;
    both.run(100);
    expect(() => ask(both, both.a, 'yield')).toThrow(/does not know all connections/);
    both.b.power = false;
    both.run(100);
    expect(() => ask(both, both.a, 'yield')).toThrow(/no other node/);
    expect(() => ask(both, both.b, 'yield')).toThrow(RoleRefusal);
  });

  it('that comes back finds another one and stays behind it, whatever its priority', () => {
    const both = pair({ priority: 200 });
    both.a.power = false;
    both.run(1000);
    both.a.boot(both.now);
    both.run(30_000);
    expect(both.activeNode).toBe(both.b);
  });

  it('is followed by one of higher priority only where the node file says so', () => {
    const both = pair({ priority: 200, preempt: true });
    both.a.power = false;
    both.run(1000);
    both.a.boot(both.now);
    both.run(9000);
    expect(both.activeNode).toBe(both.b);
    both.run(5000);
    expect(both.activeNode).toBe(both.a);
    expect(both.a.last!.reason).toBe('it has the higher priority');
  });

  it('goes on under a daemon that starts anew', () => {
    const both = pair();
    const { epoch } = both.a.word;
    both.a.daemon = 'dead';
    both.run(1000);
    both.a.startDaemon(both.now);
    both.run(1000);
    expect(both.activeNode).toBe(both.a);
    expect(both.a.word.epoch).toBe(epoch);
    expect(both.a.last!.reason).toBe('it was active before the daemon started');
  });
});

describe('a takeover on request', () => {
  it('is heard by the packet path of the other node, which yields', () => {
    const both = pair();
    ask(both, both.b, 'takeOver');
    both.run(20);
    expect(both.activeNode).toBe(both.b);
    expect(both.a.last).toMatchObject({
      state: 'standby',
      reason: 'a better active node was heard on a segment',
    });
    expect(both.longestDark).toBe(0);
  });

  it('needs carrier on both sides', () => {
    const both = pair();
    both.b.carrier.uplink = false;
    both.run(20);
    expect(() => ask(both, both.b, 'takeOver')).toThrow('the uplink side has no carrier');
  });
});

describe('nodes that start', () => {
  it('wait for each other before one becomes active', () => {
    const both = new Pair();
    both.b.power = false;
    both.run(2000);
    expect(both.a.active).toBe(false);
    both.run(2000);
    expect(both.activeNode).toBe(both.a);
    expect(both.a.last!.reason).toBe('no other node is there');
  });

  it('of which none knows the connections: the one of higher priority goes first', () => {
    const both = new Pair({}, { priority: 150 });
    for (const node of both.nodes) node.ready = false;
    both.run(4000);
    expect(both.activeNode).toBe(both.b);
  });

  it('and share no key do not become active by themselves while others speak', () => {
    const both = new Pair();
    const [node] = both.nodes;
    const alone = { ...both.view(node!), paired: false, connected: false };
    for (let now = 0; now < 20_000; now += 10) {
      const { state } = node!.machine.step({ ...alone, now, strangers: true });
      expect(state).toBe('init');
    }
    node!.machine.step({ ...alone, now: 20_000 });
    expect(node!.machine.step({ ...alone, now: 23_000 }).state).toBe('active');
  });
});

describe('a node that starts with a key of long ago', () => {
  /** What it knows: it has a key, and no probe passes under it; `connected`: the daemons speak. */
  const looks = (connected: (ms: number) => boolean, until: number) => {
    const both = new Pair();
    const [node] = both.nodes;
    const alone = { ...both.view(node!), paired: true };
    let state = '';
    for (let now = 0; now <= until; now += 10) {
      state = node!.machine.step({ ...alone, now, connected: connected(now) }).state;
    }
    return state;
  };

  it('does not become active while the other one is connected, until probes can never pass', () => {
    expect(looks((ms) => ms > 500, 10_000)).toBe('init');
    expect(looks((ms) => ms > 500, 15_000)).toBe('active');
  });

  it('does when the other one is not there, or goes', () => {
    expect(looks(() => false, 3000)).toBe('active');
    expect(looks((ms) => ms < 5000, 4990)).toBe('init');
    expect(looks((ms) => ms < 5000, 5000)).toBe('active');
  });
});

describe('the one that remains of two active nodes', () => {
  /** Both lose each other, and `b` takes over. */
  function two(): Pair {
    const both = pair();
    silence(both.b);
    both.sync.a = false;
    both.sync.b = false;
    both.run(500);
    expect(both.nodes.map(({ active }) => active)).toEqual([true, true]);
    expect(both.nodes.map(({ told }) => told)).toEqual([0, 0]);
    return both;
  }

  it('tells neighbours anew, whichever it is', () => {
    const both = two();
    silence(both.b, true);
    both.sync.a = true;
    both.sync.b = true;
    both.run(1000);
    const active = both.activeNode!;
    expect(active.told).toBe(1);
    expect(both.other(active).told).toBe(0);
  });

  it('tells them when the other one was active for less than a look, as its epoch says', () => {
    const both = pair();
    both.b.word = { standby: true, epoch: both.a.word.epoch + 1 };
    both.run(1000);
    expect(both.activeNode).toBe(both.a);
    expect(both.a.told).toBe(1);
  });

  it('tells nothing twice at a takeover', () => {
    const both = pair();
    ask(both, both.b, 'takeOver');
    both.run(1000);
    ask(both, both.b, 'yield');
    both.run(1000);
    both.a.power = false;
    both.run(1000);
    expect(both.nodes.map(({ told }) => told)).toEqual([0, 0]);
  });
});

describe('with somebody else in charge', () => {
  /** `a` is active as the manager wants it. */
  function managed(): Pair {
    const both = new Pair({ external: true }, { external: true });
    both.run(10_000);
    expect(both.nodes.map(({ active }) => active)).toEqual([false, false]);
    ask(both, both.a, 'takeOver');
    both.run(200);
    expect(both.activeNode).toBe(both.a);
    both.longestDark = 0;
    return both;
  }

  it('nodes move on request, and the lesser of two yields all the same', () => {
    const both = managed();
    ask(both, both.b, 'takeOver');
    both.run(20);
    expect(both.activeNode).toBe(both.b);
    ask(both, both.b, 'yield');
    ask(both, both.a, 'yield');
    both.run(2000);
    expect(both.nodes.map(({ active }) => active)).toEqual([false, false]);
  });

  it('a standby takes nothing by itself, and says when it should', () => {
    const both = managed();
    expect(both.b.last!.advice).toBeNull();
    silence(both.a);
    both.run(1000);
    expect(both.activeNode).toBe(both.a);
    // For as long as it holds: a manager takes its time.
    expect(both.b.last!.advice).toBe('the other node is silent on both segments');
    expect(both.a.last!.advice).toBeNull();
    ask(both, both.b, 'takeOver');
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
    silence(both.a, true);
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
    expect(both.nodes.map(({ last }) => last!.advice)).toEqual([null, null]);
  });

  it('one that is to go stays until the other one has come, for a second at most', () => {
    const both = managed();
    ask(both, both.a, 'yield');
    both.run(300);
    expect(both.activeNode).toBe(both.a);
    ask(both, both.b, 'takeOver');
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
    expect(both.longestDark).toBe(0);
    ask(both, both.b, 'yield');
    both.run(1100);
    expect(both.b.active).toBe(false);
  });

  it('one that is told to go again and again stays no longer for that', () => {
    const both = managed();
    for (let said = 0; said < 6; said++) {
      ask(both, both.a, 'yield');
      both.run(200);
    }
    expect(both.a.active).toBe(false);
  });

  it('one that is to go does so at once where frames do not pass, or nobody follows', () => {
    const both = managed();
    both.a.carrier.uplink = false;
    ask(both, both.a, 'yield');
    both.run(20);
    expect(both.a.active).toBe(false);
    const alone = managed();
    alone.b.power = false;
    alone.run(100);
    ask(alone, alone.a, 'yield');
    alone.run(20);
    expect(alone.a.active).toBe(false);
  });

  it('one that had to yield to another comes back when that one is gone, yields, or cannot go on', () => {
    for (const how of ['power', 'carrier', 'yield'] as const) {
      const both = managed();
      // Each is the master of its own, while the managers do not hear each other.
      ask(both, both.b, 'takeOver');
      both.run(1000);
      expect(both.activeNode).toBe(both.b);
      if (how === 'power') both.b.power = false;
      else if (how === 'carrier') both.b.carrier.inside = false;
      else ask(both, both.b, 'yield');
      both.run(60);
      expect(both.a.active).toBe(true);
      both.run(2000);
      expect(both.activeNode).toBe(both.a);
    }
  });

  it('one that is wanted takes over from its own start when nobody is active', () => {
    const both = managed();
    ask(both, both.b, 'takeOver');
    both.run(100);
    both.a.order = 'active';
    both.a.startDaemon(both.now);
    both.run(5000);
    expect(both.activeNode).toBe(both.b);
    both.b.power = false;
    both.run(100);
    expect(both.activeNode).toBe(both.a);
  });

  it('one that shall not be active any more, as was said while its daemon did not run, leaves that to the other one', () => {
    const both = managed();
    both.a.daemon = 'dead';
    both.run(500);
    both.a.order = 'standby';
    both.b.order = 'active';
    both.a.startDaemon(both.now);
    both.run(300);
    // Until the other one has come.
    expect(both.activeNode).toBe(both.a);
    ask(both, both.b, 'takeOver');
    both.run(1000);
    expect(both.activeNode).toBe(both.b);
    expect(both.longestDark).toBe(0);
    // ... or does not.
    both.b.daemon = 'dead';
    both.b.order = 'standby';
    both.b.startDaemon(both.now);
    both.run(1200);
    expect(both.nodes.map(({ active }) => active)).toEqual([false, false]);
  });

  it('what is refused now is done when it can be', () => {
    const both = managed();
    both.b.carrier.uplink = false;
    both.run(20);
    expect(() => ask(both, both.b, 'takeOver')).toThrow('the uplink side has no carrier');
    both.a.power = false;
    both.run(100);
    expect(both.b.active).toBe(false);
    both.b.carrier.uplink = true;
    both.run(20);
    expect(both.activeNode).toBe(both.b);
  });
});
