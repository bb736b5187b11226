// Ingestion: four partitions, read by the first instance of rating that is ready.
import { between, pick } from './random.mjs';

const MAX_LETTERS = 200;
const REASONS = ['value: must be 1 to 10', 'unknown type "like"', 'not JSON: expected value at line 1 column 1'];

export class Ingestion {
  constructor() {
    this.partitions = Array.from({ length: 4 }, (_, partition) => ({
      partition,
      end: 48_000 + partition * 731,
      stored: 48_000 + partition * 731,
    }));
    this.counts = { created: 151_204, replaced: 38_110, unchanged: 2_041, deleted: 902, absent: 13, rejected: 0 };
    this.batches = 40_233;
    this.letters = [];
  }

  burst(events) {
    for (const one of this.partitions) one.end += events / 4;
  }

  tick(timeMs, fleet) {
    const reader = fleet.of('rating').find((one) => one.state === 'ready');
    let applied = 0;
    for (const one of this.partitions) {
      one.end += Math.round((fleet.produced / 4) * between(0.5, 1.5));
      const step = reader && fleet.isUp('broker') ? Math.min(one.end - one.stored, 1400) : 0;
      one.stored += step;
      applied += step;
    }
    this.perSecond = applied;
    this.counts.created += Math.round(applied * 0.8);
    this.counts.replaced += Math.round(applied * 0.2);
    this.batches += applied ? 4 : 0;
    fleet.lag = this.partitions.reduce((sum, one) => sum + one.end - one.stored, 0);
    if (fleet.instances.length && Math.random() < 0.04) {
      const one = pick(this.partitions);
      this.counts.rejected += 1;
      const reason = pick(REASONS);
      const event = reason.startsWith('not')
        ? 'rating of alice for 42: great!'
        : JSON.stringify({
            type: reason.startsWith('value') ? 'put' : 'like',
            recordId: '42',
            recordType: 'movie',
            userId: 'alice',
            value: 11,
          });
      this.letters.unshift({ timeMs, partition: one.partition, offset: one.stored, reason, key: 'movie/42', event });
      this.letters.length = Math.min(MAX_LETTERS, this.letters.length);
    }
  }

  report(fleet) {
    const reader = fleet.of('rating').find((one) => one.state === 'ready');
    const blocked = fleet.isUp('broker') ? {} : { blocked: 'the brokers do not respond' };
    return {
      instances: fleet.of('rating').map((one) => {
        if (one.state === 'unreachable')
          return { id: one.id, partitions: [], events: {}, error: 'no response within 900 ms' };
        const partitions =
          one !== reader
            ? []
            : this.partitions.map(({ partition, end, stored }) => ({
                topic: 'ratings',
                partition,
                storedOffset: stored,
                endOffset: end,
                lag: end - stored,
                lagSeconds: end > stored ? (end - stored) / 1400 : null,
                state: fleet.isUp('broker') ? 'reading' : 'unreadable',
              }));
        return {
          id: one.id,
          partitions,
          events: one === reader ? this.counts : {},
          eventsPerSecond: one === reader ? this.perSecond : null,
          batches: one === reader ? this.batches : 0,
          meanBatchEvents: one === reader ? 3.2 : null,
          meanBatchMs: one === reader ? 1.8 : null,
          ...(one === reader ? blocked : {}),
        };
      }),
      deadLetters: { topic: 'ratings.dlq', available: fleet.isUp('broker'), letters: this.letters },
    };
  }
}
