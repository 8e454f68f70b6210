import { expect, it } from 'vitest'
import { dot } from '#src/core/vectors.js'
import { readModelFolder } from '#src/encoders/model-folder.js'
import { TextTransformer } from '#src/encoders/text-transformer.js'
import { bundled } from './folders.js'

const PASSAGES = {
  rice: '米はといだあと、夏なら三十分、冬なら一時間ほど水に浸しておくと、芯までふっくらと炊き上がります。',
  rent: 'アパートを退去するときは、一か月前までに管理会社へ連絡し、立ち会いの日に鍵を返却してください。敷金は原状回復の費用を引いて返金されます。',
  fever:
    '三十八度以上の熱が二日続くときや、水分がとれないときは、かかりつけの内科を受診しましょう。解熱剤は食後に飲みます。',
  train:
    '終電は平日が零時十二分、土日は二十三時四十八分です。乗り遅れた場合は駅前からタクシーか深夜バスをご利用ください。',
  garbage:
    '燃えるごみは月曜と木曜、缶とびんは第二水曜に、朝八時までに集積所へ出してください。粗大ごみは電話での予約が必要です。',
  cat: '子猫を迎えたら、最初の一週間は静かな部屋で休ませ、トイレの場所を覚えさせます。ワクチンは生後二か月から受けられます。',
  wifi: '無線がつながりにくいときは、ルーターの電源を一度抜いて一分ほど待ち、入れ直してみてください。電子レンジの近くには置かないでください。',
  laundry:
    '梅雨どきの部屋干しは、洗濯物の間隔をこぶし一つ分あけ、扇風機の風を下から当てると早く乾き、いやな臭いも防げます。',
  pension:
    '会社を辞めて次の仕事までに間があく場合は、十四日以内に市役所で国民年金への切り替えの手続きをします。',
  garden:
    'トマトの苗は、霜の心配がなくなる五月の連休ごろに植えつけます。わき芽をこまめに摘むと実が大きく育ちます。',
  quake:
    '大きな揺れを感じたら、まず机の下で頭を守り、揺れがおさまってから火を消して、ドアを開け逃げ道を確保します。',
  bike: '自転車の鎖が外れたら、変速を一番軽くし、後ろの歯車に鎖をかけてからペダルを逆に回すと元に戻ります。',
  exam: '入学試験の当日は、受験票と鉛筆、時計を忘れずに。会場には開始の四十分前までに着くようにしましょう。',
  wedding: '友人の結婚式に包むご祝儀は三万円が目安です。新札を用意し、偶数の金額は避けるのが習わしです。',
  camera:
    '夜景を撮るときは三脚を使い、感度を低く抑えて、シャッターを数秒開けておくと、ぶれずにきれいに写ります。',
  flight:
    '国際線では、百ミリリットルを超える液体は機内に持ち込めません。化粧水などは小さな容器に分け、透明な袋に入れます。',
  sleep:
    '寝つきが悪い人は、布団に入る一時間前から画面を見るのをやめ、ぬるめの風呂につかると眠りやすくなります。',
  loan: '図書館の本は一人十冊まで二週間借りられます。次の予約がなければ、窓口かインターネットで一回だけ延長できます。',
  stain:
    'シャツにしょうゆをこぼしたら、すぐに水でぬらした布で裏からたたき、中性洗剤をつけて洗うと染みが残りません。',
  tax: '医療費が年間十万円を超えたときは、確定申告をすると税金の一部が戻ってきます。領収書は五年間保管してください。',
} as const

const QUESTIONS: [string, keyof typeof PASSAGES][] = [
  ['雨の季節に服を家の中で乾かすコツは？', 'laundry'],
  ['引っ越しで部屋を出るとき、何をすればいいですか', 'rent'],
  ['ネットが遅くて切れるので直したい', 'wifi'],
  ['地震が起きた瞬間にどう行動すべきか', 'quake'],
  ['借りた本の返却期限を延ばせますか', 'loan'],
  ['病院代をたくさん払った年はお金が返ってくる？', 'tax'],
  ['飛行機に化粧品を持って乗りたい', 'flight'],
  ['ペットを飼い始めたばかりで、世話の仕方が知りたい', 'cat'],
  ['なかなか眠れない夜が続いています', 'sleep'],
  ['おいしいご飯の炊き方', 'rice'],
]

it('finds the right Japanese passage first for at least 9 of 10 Japanese questions', async () => {
  const model = await readModelFolder(bundled('multilingual-e5-small'))
  const encoder = await TextTransformer.create(model, { threads: 1 })
  const names = Object.keys(PASSAGES)
  const passages = await encoder.encodePassages(Object.values(PASSAGES))
  const queries = await encoder.encode(
    QUESTIONS.map(([question]) => question),
    { as: 'query' },
  )
  await encoder.dispose()
  const missed = QUESTIONS.flatMap(([question, expected], q) => {
    const scores = passages.map(([passage]) =>
      dot(queries[q]?.vector as Float32Array, passage?.vector as Float32Array),
    )
    const found = names[scores.indexOf(Math.max(...scores))]
    return found === expected ? [] : [`${question} -> ${found}, expected ${expected}`]
  })
  expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(1)
})
