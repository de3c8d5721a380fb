// What the scripts share: where the gateway is, and how a check is reported. Each check is one line of JSON on standard output; the Go
// test knows what each has to say, so that a script that ends early or checks something else fails.
import OpenAI from 'openai';

const { PENSTOCK_URL, PENSTOCK_KEY, PENSTOCK_STATS, PENSTOCK_ANTHROPIC } = process.env;

export const openai = (options = {}) =>
  new OpenAI({ apiKey: PENSTOCK_KEY, baseURL: `${PENSTOCK_URL}/v1`, maxRetries: 0, ...options });

export const anthropicModule = () => import(PENSTOCK_ANTHROPIC);

export async function anthropic(options = {}) {
  const { default: Anthropic } = await anthropicModule();
  return new Anthropic({ apiKey: PENSTOCK_KEY, baseURL: PENSTOCK_URL, maxRetries: 0, ...options });
}

export const stats = async () => (await fetch(PENSTOCK_STATS)).json();

// until asks until the answer is yes; the Go test ends a script that asks for ever.
export async function until(yes) {
  while (!(await yes())) await new Promise((done) => setTimeout(done, 10));
}

export async function check(name, run) {
  let got;
  try {
    got = (await run()) ?? null;
  } catch (e) {
    got = `threw ${e?.constructor?.name}: ${e?.message}`;
  }
  console.log(JSON.stringify({ name, got }));
}

// fault is what a client makes of an error.
export async function fault(promise) {
  try {
    await promise;
  } catch (e) {
    return {
      class: e.constructor.name,
      status: e.status ?? null,
      code: e.code ?? null,
      param: e.param ?? null,
      type: e.type ?? null,
      id: typeof (e.requestID ?? e.request_id) === 'string',
    };
  }
  return 'no error';
}

export const hello = [{ role: 'user', content: 'Hello' }];
