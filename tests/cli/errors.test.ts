import { describe, expect, it } from 'vitest'
import { describeError, UsageError } from '#src/cli/errors.js'
import { EngineError } from '#src/core/errors.js'

describe('describeError', () => {
  it('keeps the code and message of an engine error', () => {
    expect(describeError(new EngineError('ITEM_NOT_FOUND', 'there is no item "a"'))).toEqual({
      code: 'ITEM_NOT_FOUND',
      message: 'there is no item "a"',
    })
  })

  it('calls wrong usage INVALID_REQUEST', () => {
    expect(describeError(new UsageError('say what'))).toEqual({
      code: 'INVALID_REQUEST',
      message: 'say what',
    })
  })

  const missing: [string, Error, RegExp][] = [
    [
      'better-sqlite3 that was not built',
      new Error(
        'Could not locate the bindings file. Tried:\n → /x/node_modules/better-sqlite3/build/better_sqlite3.node',
      ),
      /npm rebuild better-sqlite3/,
    ],
    [
      'hnswlib-node built for another Node',
      Object.assign(
        new Error(
          "The module '/x/node_modules/hnswlib-node/build/Release/addon.node' was compiled against a different Node.js version using NODE_MODULE_VERSION 115.",
        ),
        { code: 'ERR_DLOPEN_FAILED' },
      ),
      /npm rebuild hnswlib-node/,
    ],
    [
      'onnxruntime-node without its library',
      Object.assign(new Error('libonnxruntime.so.1: cannot open shared object file'), {
        code: 'ERR_DLOPEN_FAILED',
      }),
      /ONNXRUNTIME_NODE_INSTALL=skip npm install/,
    ],
  ]
  it.each(missing)('names the command for %s', (_what, error, command) => {
    expect(describeError(error)).toMatchObject({
      code: 'NATIVE_ADDON_MISSING',
      message: expect.stringMatching(command),
    })
  })

  it('calls anything else INTERNAL', () => {
    expect(describeError(new TypeError('x is not a function'))).toEqual({
      code: 'INTERNAL',
      message: 'x is not a function',
    })
  })
})
