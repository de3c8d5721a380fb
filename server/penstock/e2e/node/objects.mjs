import { toFile } from 'openai';
import { check, openai } from './harness.mjs';

const client = openai();
const length = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0)).toFixed(3);

await check('embeddings', async () => { // the client asks for base64 and decodes it
  const r = await client.embeddings.create({ model: 'oai/embed', input: ['one', 'two'] });
  return [r.data.length, r.data[0].embedding.length, length(r.data[0].embedding), r.data[1].index, typeof r.data[0].embedding[0]];
});
await check('embeddings as floats', async () => {
  const r = await client.embeddings.create({ model: 'oai/embed', input: 'one', dimensions: 64, encoding_format: 'float' });
  const b = await client.embeddings.create({ model: 'oai/embed', input: 'one', dimensions: 64 });
  const same = r.data[0].embedding.every((x, i) => Math.abs(x - b.data[0].embedding[i]) < 1e-6);
  return [r.data[0].embedding.length, same];
});
await check('models', async () => {
  const names = [];
  for await (const m of client.models.list()) names.push(m.id);
  return names.includes('fast');
});
await check('model', async () => {
  const m = await client.models.retrieve('fast');
  const slash = await client.models.retrieve('oai/chat');
  return [m.id, m.object, slash.id];
});
await check('moderation', async () => {
  const r = await client.moderations.create({ model: 'oai/moderation', input: ['fine', 'also fine'] });
  return r.results.map((x) => x.flagged);
});
await check('completions', async () => {
  const r = await client.completions.create({ model: 'oai/chat', prompt: 'Hello' });
  return [r.object, r.choices[0].text, r.usage.completion_tokens];
});
await check('completions, streamed', async () => {
  let text = '';
  let usage = false;
  for await (const c of await client.completions.create({ model: 'oai/chat', prompt: 'Hello', stream: true })) {
    text += c.choices[0]?.text ?? '';
    usage ||= Boolean(c.usage);
  }
  return [text, usage];
});
await check('transcription', async () => {
  const file = await toFile(Buffer.alloc(300_000, 7), 'speech.wav', { type: 'audio/wav' });
  const r = await client.audio.transcriptions.create({ model: 'oai/transcribe', file });
  return [r.text, r.usage.input_tokens];
});
await check('transcription, streamed', async () => {
  const file = await toFile(Buffer.from('sound'), 'speech.wav');
  let text = '';
  let done = '';
  for await (const e of await client.audio.transcriptions.create({ model: 'oai/transcribe', file, stream: true })) {
    if (e.type === 'transcript.text.delta') text += e.delta;
    if (e.type === 'transcript.text.done') done = e.text;
  }
  return [text, done === text];
});
await check('translation', async () => {
  const r = await client.audio.translations.create({ model: 'oai/transcribe', file: await toFile(Buffer.from('sound'), 'a.mp3') });
  return r.text;
});
await check('speech', async () => {
  const r = await client.audio.speech.create({ model: 'oai/speech', voice: 'alloy', input: 'Hello' });
  const b = Buffer.from(await r.arrayBuffer());
  return [r.headers.get('content-type'), b.subarray(0, 4).toString(), b.length];
});
await check('image', async () => {
  const r = await client.images.generate({ model: 'oai/image', prompt: 'a dot', n: 2 });
  return r.data.map((d) => Buffer.from(d.b64_json, 'base64').subarray(1, 4).toString());
});
await check('files', async () => {
  const made = await client.files.create({ file: await toFile(Buffer.from('{}'), 'lines.jsonl'), purpose: 'user_data' });
  const got = await client.files.retrieve(made.id);
  const text = await (await client.files.content(made.id)).text();
  const gone = await client.files.delete(made.id);
  return [/^file-/.test(made.id), made.bytes, got.id === made.id, text.length > 0, gone.deleted];
});
