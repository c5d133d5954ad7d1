// Prints the id of each line of a file, then the token of each id.
import Foundation

do {
    let model = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
    let vocabulary = try StoredVocabulary(model: model)
    let text = try String(contentsOfFile: CommandLine.arguments[2], encoding: .utf8)
    for token in text.split(separator: "\n") { print(try vocabulary.id(of: String(token))) }
    for id in 0..<vocabulary.size { print(try vocabulary.token(of: id) ?? "-") }
} catch {
    print(error)
}
