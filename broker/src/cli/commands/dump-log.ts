import { UsageError } from '../cli-error';
import { defineCommand } from '../command';
import { SegmentDump } from '../dump/dump-segment';
import { decoderParser, offsetsParser, transactionsParser } from '../dump/message-parsers';
import { flag, int, required, text } from '../options';

/** kafka-dump-log */
export const dumpLog = defineCommand({
  summary: 'Show and check the files of a log directory (kafka-dump-log).',
  options: {
    files: text('files', 'The files, with commas: .log, .index, .timeindex, .snapshot, .txnindex.'),
    printDataLog: flag('Also keys and values.'),
    deepIteration: flag('Also each record of a batch; --print-data-log does too.'),
    skipRecordMetadata: flag('Of each record only key and value.'),
    indexSanityCheck: flag('Of indexes, only whether a broker would take them as they are.'),
    verifyIndexOnly: flag('Of indexes, only what does not agree with the log.'),
    offsetsDecoder: flag('The log is one of __consumer_offsets.'),
    transactionLogDecoder: flag('The log is one of __transaction_state.'),
    keyDecoderClass: {
      ...text('[class]', 'StringDecoder, LongDecoder, IntegerDecoder or DefaultDecoder.'),
      preset: '',
    },
    valueDecoderClass: { ...text('[class]', 'The same for values.'), preset: '' },
    maxBytes: int('bytes', 'Look at so much of each log.'),
    maxMessageSize: int('bytes', 'Without effect: batches of every size are read.', { hidden: true }),
    clusterMetadataDecoder: flag('Not there: this broker has no KRaft log.', { hidden: true }),
    remoteLogMetadataDecoder: flag('Not there: this broker has no remote storage.', { hidden: true }),
  },
  helpWithoutArguments: true,
  examples: [
    '% --files /data/orders-0/00000000000000000000.log --print-data-log',
    '% --files /data/orders-0/00000000000000000000.index --index-sanity-check',
  ],
  async run({ options: given }, context) {
    const files = required('files', given.files)
      .split(',')
      .filter((file) => file !== '');
    if (given.clusterMetadataDecoder || given.remoteLogMetadataDecoder) {
      throw new UsageError('Only --offsets-decoder and --transaction-log-decoder are there');
    }
    const { keyDecoderClass, valueDecoderClass } = given;
    const hasDecoder =
      given.offsetsDecoder ||
      given.transactionLogDecoder ||
      keyDecoderClass !== undefined ||
      valueDecoderClass !== undefined;
    const printDataLog = given.printDataLog || hasDecoder;
    const parser = given.offsetsDecoder
      ? offsetsParser
      : given.transactionLogDecoder
        ? transactionsParser
        : decoderParser(keyDecoderClass || undefined, valueDecoderClass || undefined);
    const { stdout, stderr } = context;
    const options = {
      ...given,
      printDataLog,
      deepIteration: given.deepIteration || printDataLog,
      maxBytes: given.maxBytes ?? Infinity,
      parser,
    };
    const dump = new SegmentDump(
      context.io.files,
      options,
      (line) => stdout.line(line),
      (line) => stderr.line(line),
    );
    for (const file of files) await dump.dump(file);
    for (const line of dump.findings.lines()) stderr.line(line);
    return dump.findings.isFaulty ? 1 : 0;
  },
});
