import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../broker/src/zookeeper/frame-decoder';
import { decodeRecord, encodeRecord, JuteError, JuteWriter } from '../../../broker/src/zookeeper/jute';
import { MultiRequest, MultiResponse, type MultiOp } from '../../../broker/src/zookeeper/multi';
import { createOp, deleteOp } from '../../../broker/src/zookeeper/multi-ops';
import {
  ConnectRequest,
  ConnectResponse,
  GetChildrenResponse,
  GetDataResponse,
  KeeperCode,
  OpCode,
  Stat,
  StatPersisted,
} from '../../../broker/src/zookeeper/requests';

const stat: Stat = {
  czxid: 0x1_0000_0001n,
  mzxid: -1n,
  ctime: 1_795_246_707_003,
  mtime: 0,
  version: -1,
  cversion: 2,
  aversion: 3,
  ephemeralOwner: -0x7fff_ffff_ffff_ffffn,
  dataLength: 4,
  numChildren: 5,
  pzxid: 0x7fff_ffff_ffff_ffffn,
};

describe('jute', () => {
  it('writes a connect request as ZooKeeper 3.8 reads it', () => {
    const bytes = encodeRecord(ConnectRequest, {
      protocolVersion: 0,
      lastZxidSeen: 0x0102030405060708n,
      timeOut: 6000,
      sessionId: -1n,
      passwd: Buffer.alloc(16, 7),
      readOnly: false,
    });
    expect(bytes.toString('hex')).toBe(
      '00000000' + '0102030405060708' + '00001770' + 'ffffffffffffffff' + '00000010' + '07'.repeat(16) + '00',
    );
  });

  it('reads a connect response without the last field, which old servers leave out', () => {
    const to = new JuteWriter();
    to.int(0);
    to.int(6000);
    to.long(5n);
    to.buffer(Buffer.from('pw'));
    expect(decodeRecord(ConnectResponse, to.record())).toEqual({
      protocolVersion: 0,
      timeOut: 6000,
      sessionId: 5n,
      passwd: Buffer.from('pw'),
      readOnly: false,
    });
  });

  it('keeps all 64 bits, null data and strings of every kind', () => {
    expect(decodeRecord(Stat, encodeRecord(Stat, stat))).toEqual(stat);
    expect(encodeRecord(Stat, stat).length - encodeRecord(StatPersisted, stat).length).toBe(8);
    const value = { data: null, stat };
    expect(decodeRecord(GetDataResponse, encodeRecord(GetDataResponse, value))).toEqual(value);
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (children) => {
        const bytes = encodeRecord(GetChildrenResponse, { children });
        expect(decodeRecord(GetChildrenResponse, bytes)).toEqual({ children });
      }),
    );
  });

  it('refuses a time that a number cannot hold, and numbers that do not fit', () => {
    const bytes = encodeRecord(Stat, stat);
    bytes.writeBigInt64BE(2n ** 60n, 16);
    expect(() => decodeRecord(Stat, bytes)).toThrow(/exceeds 2\^53/);
    expect(() => encodeRecord(Stat, { ...stat, version: 2 ** 31 })).toThrow(JuteError);
    expect(() => encodeRecord(Stat, { ...stat, czxid: 2n ** 63n })).toThrow(JuteError);
  });

  it('refuses lengths and counts that lie, before it makes anything of them', () => {
    for (const claimed of [0x7fffffff, 5, -2]) {
      const to = new JuteWriter();
      to.int(claimed);
      to.int(0);
      expect(() => decodeRecord(GetChildrenResponse, to.record())).toThrow(JuteError);
      expect(() => decodeRecord(GetDataResponse, to.record())).toThrow(JuteError);
    }
  });

  it('never fails otherwise than with JuteError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const type of [ConnectResponse, GetDataResponse, MultiResponse, MultiRequest]) {
          try {
            decodeRecord<unknown>(type, Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(JuteError);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('writes a multi and its results with a header before each and after the last', () => {
    const ops: MultiOp[] = [createOp('/a', Buffer.from('x'), { acl: [] }), deleteOp('/b', 3)];
    const bytes = encodeRecord(MultiRequest, ops);
    expect(bytes.toString('hex')).toBe(
      '00000001' +
        '00' +
        'ffffffff' +
        '00000002' +
        '2f61' +
        '00000001' +
        '78' +
        '00000000' +
        '00000000' +
        ('00000002' + '00' + 'ffffffff' + '00000002' + '2f62' + '00000003') +
        ('ffffffff' + '01' + 'ffffffff'),
    );
    expect(decodeRecord(MultiRequest, bytes)).toEqual(ops);
    const results = [
      { type: OpCode.setData, response: { stat } },
      { type: OpCode.delete, response: null },
      { type: OpCode.error, response: { err: KeeperCode.BADVERSION } },
    ] as const;
    expect(decodeRecord(MultiResponse, encodeRecord(MultiResponse, results))).toEqual(results);
  });
});

describe('FrameDecoder', () => {
  it('cuts frames out of a stream however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }),
        fc.integer({ min: 1, max: 50 }),
        (payloads, step) => {
          const stream = Buffer.concat(
            payloads.map((payload) => {
              const to = new JuteWriter();
              to.raw(payload);
              return to.frame();
            }),
          );
          const decoder = new FrameDecoder(100);
          const frames: Buffer[] = [];
          for (let at = 0; at < stream.length; at += step) {
            decoder.push(stream.subarray(at, at + step), (frame) => void frames.push(frame));
          }
          expect(frames.map((frame) => [...frame])).toEqual(payloads.map((payload) => [...payload]));
        },
      ),
    );
  });

  it('takes a frame that is larger than what it allocates at first', () => {
    const payload = Buffer.alloc(300_000, 5);
    const to = new JuteWriter();
    to.raw(payload);
    const stream = to.frame();
    const decoder = new FrameDecoder();
    const frames: Buffer[] = [];
    for (let at = 0; at < stream.length; at += 7000) {
      decoder.push(stream.subarray(at, at + 7000), (frame) => void frames.push(frame));
    }
    expect(frames).toHaveLength(1);
    expect(frames[0]!.equals(payload)).toBe(true);
  });

  it('refuses a frame above jute.maxbuffer and one of negative length', () => {
    for (const length of [101, 0x7fffffff, -1]) {
      const header = Buffer.alloc(4);
      header.writeInt32BE(length);
      expect(() => new FrameDecoder(100).push(header, () => {})).toThrow(/0 to 100 \(jute.maxbuffer\) are valid/);
    }
  });

  it('stops when it is told to', () => {
    const frames: Buffer[] = [];
    new FrameDecoder().push(Buffer.from('0000000000000000', 'hex'), (frame) => {
      frames.push(frame);
      return false;
    });
    expect(frames).toHaveLength(1);
  });
});
