/**
 * Sends a fixed number of POST requests over a fixed number of connections and prints how many were answered a second.
 *
 * Reads its bodies, one a line, from standard input: `npx tsx load-client.ts URL CLIENTS REQUESTS < bodies`.
 */
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'

const [url = '', clients = '1', requests = '1000'] = process.argv.slice(2)
const bodies: string[] = []
for await (const line of createInterface({ input: process.stdin })) bodies.push(line)
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) })
const took: number[] = []
let next = 0

function ask(body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(url, { agent, method: 'POST', headers }, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        answer += part
      })
      response.on('end', () => {
        if (response.statusCode === 200 && answer.includes('"id"')) resolve()
        else reject(new Error(`${response.statusCode}: ${answer.slice(0, 300)}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

async function client(): Promise<void> {
  while (next < Number(requests)) {
    const body = bodies[next++ % bodies.length] as string
    const began = performance.now()
    await ask(body)
    took.push(performance.now() - began)
  }
}

const began = performance.now()
await Promise.all(Array.from({ length: Number(clients) }, client))
const seconds = (performance.now() - began) / 1000
took.sort((a, b) => a - b)
agent.destroy()
console.log(JSON.stringify({ perSecond: took.length / seconds, p95: took[Math.floor(took.length * 0.95)] }))
