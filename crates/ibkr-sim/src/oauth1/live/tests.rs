//! Vectors of other implementations (`quentinadam/deno-ibkr`, `jerbersoft/ibkrdotnet`). They are the client's
//! side; the exchange is the same from both.

use super::*;
use crate::{Consumer, demo};

struct Vector {
    dh: DhParameters,
    consumer: &'static str,
    /// The exponent of this side, and what the other side sent.
    secret: &'static str,
    challenge: &'static str,
    response: &'static str,
    access_secret: &'static str,
    token: &'static str,
    signature: &'static str,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl Vector {
    fn exchange(&self) -> Exchange {
        let number = |hex| from_hex(hex).unwrap();
        Exchange::with(&number(self.challenge), &number(self.secret), &self.dh).unwrap()
    }

    fn check(&self) {
        let exchange = self.exchange();
        assert_eq!(format!("{:x}", exchange.response), self.response);
        let token = exchange.live_session_token(&bytes(self.access_secret));
        assert_eq!(STANDARD.encode(&token), self.token);
        assert_eq!(ids::hex(&hmac_sha1(&token, self.consumer.as_bytes())), self.signature);
    }
}

fn small() -> Vector {
    let prime = from_hex("ed016e7a503ade7c29060cc6c374296984cced37004e12b6fd104111c4a0712b").unwrap();
    Vector {
        dh: DhParameters { prime, generator: BigUint::from(2_u8) },
        consumer: "ZCSGTLJAN",
        secret: "2c093bfcaf858b676e8b81070e1f9b9e55f2000fe1e730dc0fe4bfcecc76f2b9",
        challenge: "b0d05da3a25be9de6aec64fa10adb199a3df941aabed737e43d89d0a1a8e0111",
        response: "7d04de39dec12123f206ba594052de12115dc493fa70b1b7497f640d6f6574f",
        access_secret: "be35c67ffb0452d0547c0d929565f7d1404cef05a63b582c496e3c401fd92603",
        token: "vF0KfK5239p+7JfUbJmqFJFGkCE=",
        signature: "a2007306e162a8e9c69c217a4cd3c157e7a35803",
    }
}

fn group_14() -> DhParameters {
    demo::oauth1::consumer().unwrap().dh
}

#[test]
fn a_shared_secret_whose_first_bit_is_set() {
    let vector = small();
    vector.check();
    let exchange = vector.exchange();
    assert_eq!(exchange.shared.bits() % 8, 0);
    let forgotten = exchange.without_zero(&bytes(vector.access_secret)).unwrap();
    assert_eq!(STANDARD.encode(forgotten), "nV80q8AZg0vRuQrNOa/7qFsn4PE=");
}

#[test]
fn an_ordinary_exchange_of_2048_bits() {
    let vector = Vector {
        dh: group_14(),
        consumer: "TESTCONS",
        secret: "6861072c1e753a938661abe05b1b90b46762b34f4e26ea8e603235a1e58e1b1c",
        challenge: "8e8ce765e0b553dcb1aa19a6732759cc071deeed9a8d43e2e4478019bd511bebcab113b05049a24f9cfe48b1\
            60b211a65397d93b3b758e6f9f16026b9e1e6f9f1ef01e3dffbb647a07395d75d19d893c5420672d91388637\
            4eb91b70fca1e0c82e2ca33c7e00823a4280809127c955aa6520c53480ed62c36b4df2107480f15caf88247a\
            4d8b1250654b3cd94d639dbce8c1f9fe230df4a42ac98f5950837a1de32ffbb15ebc1a5cf0f2de8f13bf9554\
            22933a102f86680eb2a5a9004483744be5738b3d3dcd1049fed462e44b5b9cc161234f8f992721beba2bded1\
            80b223bc4de21e877084f73c4f69db3f51179daba7c1a014e9fd84201ca633fda8854b7",
        response: "a33b36074092a0c981bffe6f2541ef0cb98dec66ccb9981d61eacc0e3ffde83f1f9da3b55fd9ab29f9cc25d2\
            21183e1edcb6b0d5f04ce94feb564c82980e0ffb48a858f3924b393e4db66c8ca5ae3e118f68197ed1971fd2\
            858263210eb10f4f1636983d2a92f66e33aa558131430c631d627584ec46ae2a250aa3780d0577c07343d61f\
            6de349e1d7f6b776980fef715a04c115ab920eeea0829c98169f3e045d30c0f22139c2c78754a0c71d5d8d35\
            33ff384e86794f355bc443432bb6535f6d54daf6a2693cd1c23026bb778c87311909fc36fc6d33c1b3bb020a\
            196b8ccf05b863bc09e29a23da8c5aae2d5193940f3aec0da61fb0ffbae528e3a68fba30",
        access_secret: "518c3b7a385f43d205b8157b8cd2fc0f3e036150",
        token: "UhOSgye8ZpucdR3UVXWb22rnU2I=",
        signature: "e79afa8a3e0d7a0879bf34ace2ee13052dbc858e",
    };
    vector.check();
    assert_eq!(vector.exchange().shared.bits(), 2046);
    assert_eq!(vector.exchange().without_zero(b""), None);
}

#[test]
fn an_exchange_of_2048_bits_whose_first_is_set() {
    let vector = Vector {
        dh: group_14(),
        consumer: "TESTCONS",
        secret: "7f780056b2cde10df1adedbc5c915e933e108dd1d5424a1ff33b82db7842ae8c",
        challenge: "a1ad7bfa495688eb1ef1f43b680db2330afc57842dee89d5856d12b9792c63f06601d0126340e154eb795550\
            b9f3c55b6e038529175d29dea9998321d30c1b943ab1efad0d5a7a0d828c2456ae1d8ffff0e210a0e56e4670\
            5fb67641d4c51261b9ad88a811851bc343afb3e3f03dae23ae75836f1f438c1c38ff72ebd4054bb81e1ba7a9\
            87d00ce230b2d04b34cba539f7a11a6d6ffbaa6ce4c93d9c87972d46d9e8409328ba3f16528ba0b1c06b8e28\
            a119700846769100409c65867c8ce51be77af32b5efd5d3c63c14ee2305d02aac5db4c6d7e768b33d2c7efae\
            92f181e00a87f0a9f40ae4dde7ffcce4c654e9bb7ab9a765b0d0732360eebe8f6fa0d4f6",
        response: "1dc7787cb842928a99bb3e51421fe3cd52f72ecbe126d7cd82944a689e111563fa43ac152beae29754ed8b17\
            015398bc7f0b8e5c54ca16c4c22b5cc695672bd82d70cbca7ef74cfd01dab4e78ec818251f415228a0ad41d1\
            e4404117b03ea9c64567b7e85fab9c43bfc9df611cd868b5c6154ed006b032a395cd491840233bbad7f646f5\
            d6a78dd0569be632f16897a9a154ac358289f4d7de884519617bf0e98764912fc74843622e82920787651c23\
            2057bf7741920aebbb7af954719df5c9e3696dc256ab00af6ebbe246532ff71ae0ebfbeccc82ec72e92c9dcf\
            5960154ed6099aa14cdd26561aade30b781a743ea0935525dcaaeb3b0e3d86dffc8f0116",
        access_secret: "2973a1b862d4d2b3a4472c91e6ca46a34182a93f",
        token: "qO96d62ORE4Qa/IM9PNAbSyRXlI=",
        signature: "2bd8d17d2e5e2002ad4fa14b85eb637d26c9e8d7",
    };
    vector.check();
    assert_eq!(vector.exchange().shared.bits(), 2048);
}

#[test]
fn numbers_that_give_the_secret_away_are_refused() {
    let Vector { dh, .. } = small();
    let one = BigUint::from(1_u8);
    for number in [BigUint::ZERO, one.clone(), &dh.prime - &one, dh.prime.clone(), &dh.prime + &one] {
        assert!(Exchange::with(&number, &BigUint::from(77_u8), &dh).is_none(), "{number:x}");
    }
    for text in ["", "0x1f", "+1f", "1_f", "1g", " 1f"] {
        assert_eq!(from_hex(text), None, "{text}");
    }
    assert_eq!(from_hex("1fAB"), Some(BigUint::from(0x1fab_u32)));
}

#[test]
fn files_that_hold_something_else_are_refused() {
    let demo = demo::oauth1::consumer().unwrap();
    assert!(!format!("{demo:?}").contains(demo::oauth1::ACCESS_TOKEN));
    assert_eq!(demo.encrypted_secret("another"), None);
    let [key, dh] = [demo::oauth1::SIGNATURE_PUBLIC_KEY_PEM, demo::oauth1::DH_PARAM_PEM].map(str::as_bytes);
    for [signature, encryption, parameters] in [[dh, key, dh], [key, dh, dh], [key, key, key]] {
        assert!(Consumer::new("X", signature, encryption, parameters).is_err());
    }
}
