import { check, hello, openai, stats, until } from './harness.mjs';

const client = openai();
const endless = { model: 'oai/chat?tps=50&tokens=1000000', messages: hello, stream: true };

await check('controller', async () => {
  const before = (await stats()).cancelled;
  const controller = new AbortController();
  let chunks = 0;
  const stream = await client.chat.completions.create(endless, { signal: controller.signal });
  for await (const _ of stream) {
    if (++chunks === 3) controller.abort();
  }
  await until(async () => (await stats()).open === 0);
  return [chunks >= 3, (await stats()).cancelled - before];
});
await check('break', async () => {
  const before = (await stats()).cancelled;
  for await (const _ of await client.chat.completions.create(endless)) break;
  await until(async () => (await stats()).open === 0);
  return (await stats()).cancelled - before;
});
await check('before the answer', async () => {
  const before = (await stats()).cancelled;
  const controller = new AbortController();
  const asked = client.chat.completions.create({ model: 'oai/chat?latency=1h', messages: hello }, { signal: controller.signal });
  const outcome = asked.catch((e) => e.constructor.name);
  await until(async () => (await stats()).open === 1);
  controller.abort();
  const name = await outcome;
  await until(async () => (await stats()).open === 0);
  return [name, (await stats()).cancelled - before];
});
await check('responses', async () => {
  const before = (await stats()).cancelled;
  const stream = await client.responses.create({ model: endless.model, input: 'Hello', stream: true });
  for await (const e of stream) if (e.type === 'response.output_text.delta') stream.controller.abort();
  await until(async () => (await stats()).open === 0);
  return (await stats()).cancelled - before;
});
await check('20 at once', async () => {
  const before = (await stats()).cancelled;
  await Promise.all([...Array(20)].map(async () => {
    for await (const _ of await client.chat.completions.create(endless)) break;
  }));
  await until(async () => (await stats()).open === 0);
  return (await stats()).cancelled - before;
});
await check('afterwards', async () => (await client.chat.completions.create({ model: 'fast', messages: hello })).usage.completion_tokens);
