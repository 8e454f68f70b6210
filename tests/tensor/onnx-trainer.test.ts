import { trainerContract } from '../contracts/trainer.js'

trainerContract('onnx')
