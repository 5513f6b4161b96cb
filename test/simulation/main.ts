import { optionsOf } from './world/options';
import { simulate } from './world/simulation';
void (async () => {
  const [seed, brokers, level] = process.argv.slice(2);
  const [from, to] = seed.split('-').map(Number);
  for (let s = from; s <= (to ?? from); s++) {
    const t = performance.now();
    const r = await simulate(optionsOf(s, { brokers: Number(brokers ?? 1) }), {
      logLevel: (level as never) || undefined,
    });
    const { trace, options: _o, violation, ...rest } = r;
    if (to === undefined) console.log(trace.join('\n'));
    console.log(s, violation ?? 'ok', JSON.stringify(rest), (performance.now() - t).toFixed(0));
  }
})();
