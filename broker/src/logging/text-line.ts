/** The control characters, line ends of Unicode included: as they are they would break a line in two, or a terminal. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function printable(text: string): string {
  return text.replace(unprintable, (character) =>
    character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** `2026-01-01 12:00:00,000`, in the machine's time zone, as log4j writes it. */
function timestamp(wallMs: number): string {
  const at = new Date(wallMs);
  const date = `${at.getFullYear()}-${padded(at.getMonth() + 1, 2)}-${padded(at.getDate(), 2)}`;
  const time = `${padded(at.getHours(), 2)}:${padded(at.getMinutes(), 2)}:${padded(at.getSeconds(), 2)}`;
  return `${date} ${time},${padded(at.getMilliseconds(), 3)}`;
}

/** A line of pino's, as one line in the layout of Kafka's logs: `[time] LEVEL [Name] message {fields}`. */
export function textLine(json: string): string {
  const { time, level, name, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const rest = Object.keys(fields).length === 0 ? '' : ` ${printable(JSON.stringify(fields))}`;
  const prefix = `[${timestamp(Number(time))}] ${String(level).toUpperCase()} [${printable(String(name))}]`;
  return `${prefix} ${printable(String(msg))}${rest}\n`;
}
