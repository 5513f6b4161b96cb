import { describe, expect, test } from 'vitest';
import {
  csvLines,
  deletedOffsetLines,
  listingLines,
  memberLines,
  offsetLines,
  resetLines,
  stateLines,
} from '../../../broker/src/cli/groups/group-tables';
import {
  parseDatetime,
  parseDuration,
  parsePlan,
  parseTopicPartitions,
} from '../../../broker/src/cli/groups/reset-plan';

const member = {
  memberId: 'console-consumer-661076d8-3ff2-4cc3-97e3-428a46501ae1',
  groupInstanceId: '',
  clientId: 'console-consumer',
  host: '/127.0.0.1',
  assignment: [
    { topic: 'a.b', partition: 0 },
    { topic: 'a.b', partition: 10 },
    { topic: 'a.b', partition: 2 },
    { topic: 'z', partition: 0 },
  ],
};
const group = {
  groupId: 'live',
  state: 'Stable',
  assignor: 'range',
  coordinator: { id: 1, host: '127.0.0.1', port: 25901 },
  members: [member],
};

// Lines of Apache Kafka 3.9's kafka-consumer-groups, from a cluster with these groups.
describe('tables as Kafka 3.9 prints them', () => {
  test('offsets', () => {
    const rows = [
      { partition: { topic: 'a.b', partition: 1 }, committed: 0, end: 5, member },
      { partition: { topic: 'a.b', partition: 2 }, committed: undefined, end: undefined, member: undefined },
    ];
    expect([...offsetLines('live', rows)]).toEqual([
      'GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID                                           HOST            CLIENT-ID',
      'live            a.b             1          0               5               5               console-consumer-661076d8-3ff2-4cc3-97e3-428a46501ae1 /127.0.0.1      console-consumer',
      'live            a.b             2          -               -               -               -                                                     -               -',
    ]);
  });

  test('members', () => {
    expect([...memberLines(group, true)]).toEqual([
      'GROUP           CONSUMER-ID                                           HOST            CLIENT-ID        #PARTITIONS     ASSIGNMENT',
      'live            console-consumer-661076d8-3ff2-4cc3-97e3-428a46501ae1 /127.0.0.1      console-consumer 4               (0), (0,10,2)',
    ]);
    const named = { ...group, members: [{ ...member, memberId: 'm', groupInstanceId: 'i', assignment: [] }] };
    expect([...memberLines(named, true)][1]).toBe(
      'live            m               i                 /127.0.0.1      console-consumer 0               -',
    );
  });

  test('state', () => {
    expect([...stateLines(group)]).toEqual([
      'GROUP                     COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE           #MEMBERS',
      'live                      127.0.0.1:25901  (1)      range                Stable          1',
    ]);
  });

  test('the list', () => {
    const listed = [
      { groupId: 'g1', state: 'Empty', type: 'classic' },
      { groupId: 'live', state: '', type: '' },
    ];
    expect([...listingLines(listed, false, true)]).toEqual([
      'GROUP                     STATE               ',
      'g1                        Empty               ',
      'live                      Unknown             ',
    ]);
    expect([...listingLines(listed, true, true)][1]).toBe(
      'g1                        Classic              Empty               ',
    );
  });

  test('new offsets, and as CSV that --from-file takes', () => {
    const planned = new Map([['g', [{ topic: 't,1', partition: 0, offset: 7 }]]]);
    expect([...resetLines(planned)]).toEqual([
      'GROUP                          TOPIC                          PARTITION  NEW-OFFSET     ',
      'g                              t,1                            0          7              ',
    ]);
    expect([...csvLines(planned, false)]).toEqual(['"t,1",0,7']);
    expect([...csvLines(new Map([['g', [{ topic: 't', partition: 0, offset: 7 }]]]), true)]).toEqual(['g,t,0,7']);
  });

  test('deleted offsets', () => {
    expect([...deletedOffsetLines([[{ topic: 'test1', partition: 0 }, 'Successful']])]).toEqual([
      'TOPIC                          PARTITION       STATUS         ',
      'test1                          0               Successful     ',
    ]);
  });
});

describe('where to reset to', () => {
  test('partitions of a topic', () => {
    expect(parseTopicPartitions('t')).toEqual({ topic: 't' });
    expect(parseTopicPartitions('t:0,12')).toEqual({ topic: 't', partitions: [0, 12] });
    expect(() => parseTopicPartitions('t:a')).toThrow("Invalid partition 'a'");
    expect(() => parseTopicPartitions('t:')).toThrow("Invalid topic arg 't:'");
  });

  test.each([
    ['2026-01-02T03:04:05.678', 1767323045678],
    ['2026-01-02T03:04:05', 1767323045000],
    ['2026-01-02T03:04:05.678Z', 1767323045678],
    ['2026-01-02T03:04:05.678+01:00', 1767319445678],
    ['2026-01-02T03:04:05.678-0130', 1767328445678],
    ['2026-01-02T03:04:05+01', 1767319445000],
  ])('%s is %d', (text, expected) => {
    expect(parseDatetime(text)).toBe(expected);
  });

  test.each(['2026-01-02', '2026-13-02T00:00:00', 'now'])('%s is no time', (text) => {
    expect(() => parseDatetime(text)).toThrow(`--to-datetime ${text}`);
  });

  test.each([
    ['P1D', 86_400_000],
    ['PT15M', 900_000],
    ['P1DT2H3M4.5S', 93_784_500],
    ['-PT1S', -1000],
    ['PT0S', 0],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['P', 'PT', 'P1M', '1D', 'P1H'])('%s is no duration', (text) => {
    expect(() => parseDuration(text)).toThrow(`--by-duration ${text}`);
  });

  test('a plan has its group in front, or from the command line', () => {
    expect(parsePlan('f', 't,0,7\nt,1,8\n', 'g')).toEqual(
      new Map([
        [
          'g',
          [
            { topic: 't', partition: 0, offset: 7 },
            { topic: 't', partition: 1, offset: 8 },
          ],
        ],
      ]),
    );
    expect(parsePlan('f', '"h",t,0,7', undefined).get('h')).toEqual([{ topic: 't', partition: 0, offset: 7 }]);
    expect(() => parsePlan('f', 't,0,7', undefined)).toThrow('--from-file f, line 1');
    expect(() => parsePlan('f', 't,0,7\nt,x,7', 'g')).toThrow('line 2');
  });
});
