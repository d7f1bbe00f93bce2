import { describe, expect, it } from 'vitest';
import { parseCounters } from '../../../../src/control/netfilter/nft.js';
import { renderRemoval, renderTable, tableName } from '../../../../src/control/netfilter/table.js';

const spec = { node: 'fw-1', ports: ['up0', 'dn0.7'], group: 5 };

describe('the text of the tables', () => {
  it('lets the box send BPDUs where its bridge runs STP, and changes in nothing else', () => {
    const accepts =
      '\t\toifname @ports ether daddr 01:80:c2:00:00:00 @ll,96,16 < 0x600 @ll,112,24 0x424203 accept\n';
    const text = renderTable({ ...spec, stp: true });
    expect(text.split(accepts)).toHaveLength(2);
    expect(text.indexOf(accepts)).toBeGreaterThan(text.indexOf('hook output'));
    expect(text.replace(accepts, '')).toBe(renderTable(spec));
  });

  it('is this', () => {
    expect(renderTable(spec)).toBe(`add table netdev bridgewall_fw_1
delete table netdev bridgewall_fw_1
add table bridge bridgewall_fw_1
delete table bridge bridgewall_fw_1
table netdev bridgewall_fw_1 {
	counter unjudged {
		packets 0 bytes 0
	}

	chain ingress {
		type filter hook ingress devices = { "up0", "dn0.7" } priority -450; policy drop;
		meta mark and 0xff000000 { 0xb1000000, 0xb2000000, 0xb3000000, 0xb4000000 } accept
		counter name unjudged drop
	}
}
table bridge bridgewall_fw_1 {
	set ports {
		type ifname
		elements = { "up0", "dn0.7" }
	}

	counter unjudged {
		packets 0 bytes 0
	}
	counter strayed {
		packets 0 bytes 0
	}
	counter to_box {
		packets 0 bytes 0
	}
	counter from_box {
		packets 0 bytes 0
	}

	chain accept_logged {
		log prefix "bridgewall:fw-1" group 5 snaplen 192 queue-threshold 32
		accept
	}

	chain drop_logged {
		log prefix "bridgewall:fw-1" group 5 snaplen 192 queue-threshold 32
		drop
	}

	chain prerouting {
		type filter hook prerouting priority -350; policy accept;
		iifname != @ports accept
		meta mark and 0xff000000 vmap { 0xb1000000 : accept, 0xb2000000 : goto accept_logged, 0xb3000000 : goto drop_logged, 0xb4000000 : goto drop_logged }
		counter name unjudged drop
	}

	chain forward {
		type filter hook forward priority -350; policy accept;
		iifname @ports oifname @ports meta mark and 0xff000000 { 0xb1000000, 0xb2000000 } accept
		iifname @ports counter name strayed drop
		oifname @ports counter name strayed drop
	}

	chain input {
		type filter hook input priority -350; policy accept;
		iifname @ports counter name to_box drop
	}

	chain output {
		type filter hook output priority -350; policy accept;
		oifname @ports meta mark and 0xff000000 == 0xb6000000 accept
		oifname @ports counter name from_box drop
	}
}
`);
  });

  it('lets counters go on from where they were', () => {
    const text = renderTable(spec, { netdev: { unjudged: 7 }, bridge: { to_box: 9 } });
    expect(text.match(/packets \d+/g)).toEqual([
      'packets 7',
      'packets 0',
      'packets 0',
      'packets 9',
      'packets 0',
    ]);
  });

  it('removes what it makes', () => {
    const made = renderTable(spec).match(/^table (\S+ \S+)/gm)!;
    const removed = renderRemoval(spec.node).match(/^delete (table \S+ \S+)/gm)!;
    expect(removed.map((line) => line.replace('delete ', ''))).toEqual(made);
  });

  it('has a name of its own for every node name', () => {
    expect(tableName('a-b')).toBe('bridgewall_a_b');
    expect(tableName('A-b')).not.toBe(tableName('a-b'));
  });
});

it('reads counters out of what nft lists', () => {
  const json = JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { counter: { family: 'bridge', name: 'unjudged', table: 't', packets: 3, bytes: 180 } },
      { counter: { family: 'bridge', name: 'strange' } },
    ],
  });
  expect(parseCounters(json)).toEqual([['unjudged', 3]]);
  expect(parseCounters('{}')).toEqual([]);
});
