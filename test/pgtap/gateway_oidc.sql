-- Room gateway, OpenID Connect: providers, their keys, and who signs in by them.
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL client_min_messages = error;
SELECT plan(162);

DO $$
BEGIN
    IF NOT sentinel.server_key_ready() THEN
        PERFORM sentinel.create_server_key();
    END IF;
END $$;

-- ID tokens made once by openssl with two RSA keys of this test alone, whose private parts were thrown away. Nonce: organisation,
-- then SHA-256 of the token's name; issued at 2026-03-01 12:00 UTC for five minutes. Where a token has a fault, its name says which.
\set org 0190aaaa-0000-7000-8000-00000000000a
\set now '2026-03-01 12:00:00+00'
CREATE TEMP TABLE key (kid text, jwk jsonb);
INSERT INTO key VALUES
    ('key-1', '{"kty": "RSA", "kid": "key-1", "use": "sig", "alg": "RS256", "n": "m0BdfmhbXAAYV5pnB0vRaxVfpSlVNk66sgtcVUPrP6ZL8ebXL4aGmys-ixY0PbjOzLHtgn4PGUn7MXskW1CX_ywWvRpSKdFkNlcoj5j3ujn4IJ-Qaq51IxPpT2C-K4EDt4bi1bHmGZUCFR2xmImZvmBKEwoCVeqhu2oSvrEQkd7puJL06RlfEWlgVGlpIzv92jk4RMzNE5MQlmq939lgMo3u9SSjT_wgyQESrEYrlLx90r9bsNvClyb0-KrxZ9ng6DKsIFAQMkZkX2DFlB5VXqnFmgbIo27_IQChKc-qCUlPA1bDu85MLnVBbmaCPEtSNaMp1XLHGrZudGGN25lYNQ", "e": "AQAB"}'),
    ('key-2', '{"kty": "RSA", "kid": "key-2", "use": "sig", "alg": "RS256", "n": "w1D8bJqvE26WRnhsm_6lg_pqRsc3FnKvmXJiHXr2bTpoennKHZTdtIqHuuCdA8tgNZrLv6ZTwU03Nziw_vE4fQX0SzWz6bEa1winvswbZ9OAdZsWn-vtNmDPAIH9hWR0y7OEUUUsGUOn155biZ5SJFQD2qd7m6Vm0UT7SzUFQVUC7I9LdBdMRrPnLugXGoKQi1buExiteAhU5JKI8PHm738csN9sqewL6sXHUPvkoOdrg9MMr0oXut-7tftOOacSB1IqcA1jBfnqpUnf6k1aX5i8m_v1bfPZ5FmE-eZIdB_kQ0IR7KgkuTJMWimIln4fdQ5qV14RVhYAFyrASOD_6Q", "e": "AQAB"}');
CREATE TEMP TABLE token (name text, id_token text);
INSERT INTO token VALUES
    ('good', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTc3MGU2MDc2MjRkNjg5MjY1Y2E2YzQ0ODg0ZDA4MDdkOWIwNTRkMjNjNDczYzEwNmM3MmJlOWRlMDhiNzM3NmMiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.mQi6Lxn2-UMQdW0npcadVNQQKp9O5s54wY2HAAlDXDan51Epod1cAGCvib_QBwuw7yHtGV3WFHCiS5uPrFk3FTVQKqhNztenbSLyB_mjC2hD9-XFfSF1Ugr8_Ge_V3Y2Oohtq6plE4etYdYFDi_TeiCbRWc39KPB9fk3jPzR1zaNPhEYfRhVdKD7YZ1zKlWa7_WPb9nR0jMFQ4W3Ocmg8EzWJFdLwvbuLyxag3vDFKh17jSwFF6FT2zHzkGduPJFCWUfvv0IazIzzlqDAEXnoJiAxq6YuC6zj2XSpBpIeL4_fDFN4EkIEO8VLASznbPIb1fKXlCLuBPGrLXPIzi0Rw'),
    ('again', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWI0YzllMTQwNjFjMmZkNDUzYjM2NzAwZTNiMGRhMDA4ZGIyMTg5YzcxMWFjNjI5ZjBmNTgzMDg5MTY0ZTI2N2QiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.arNoAnG_kQa3iUyyLk3KdMevBoXyhzJQhiWLFGTKkhmDygiImhULfOIWOe5nkLG0ZRFwXm9t10XEjsZXzbmhcoPs-DmDk_f148p--OhZF1HK-zUd4fG59HVF99dci6Nyra1uak4nJae43yv2z79UkCB9Nn755sRcdl-SZi2L0SRl4DQ9bMcZ-MWBORnX-TnGbTJ3Wl-B1Eupj4NLmxW4L8yFb_bzPw6EOxmfSTHfrY39Geq4wqFw9T3Gx8TIgX7vfGvaAXJzRPjdELELrsMO8OkU-LXB9tkTucYdhll2IpJMV_DAnygfKSt8rkLGmQb2h3Phtd1cUu31c7metuyqNA'),
    ('new', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTExNTA3YTBlMmY1ZTY5ZDVkZmE0MGE2MmExYmQ3YjZlZTU3ZTZiY2Q4NWM2N2M5Yjg0MzFiMzZmZmYyMWM0MzciLCJlbWFpbCI6Im5ld0BhY21lLmV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6Ik5ld1x1MDAwNyBQZXJzb24ifQ.esCYmC42e7timkbUEsLjKQfwwgTR_WvufWFoBccFbGBrLAwJALZR1GKt8NyuxlGsGDoWwagNVcBaGvL89eqOabFQEffnEHcNgmp28OTi1eoj8cwapvOjN7iVAH6XF27dhIvgaf1X87ZRZ2bqdjY0B1jtTMCo8GrkrlhPdoNW9iUjASqHzp8WymK1oAnNmYwpVLHDLPNEOSHzQSy8UekPNQ4J8dEcpXf4OdqgFWHM5ld6-r04qnNFSrTZzVu32l7gI-YeyY1trDZB0Sdm96aAxbsFEJckA9_At6xfaKHqo_R7brvSMz5KCyk2mai6AvGDtSuTdeR5MPst9sm6svRSTg'),
    ('new_text', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWIxY2NlNTMzMTI3NTljNDRhMGQ4OWMzMGU0M2ZmOTNjMDY5YjBkYzY2ZGI4NjBlODYyOGUyNzA2ODFmNzE4OGUiLCJlbWFpbCI6InRleHRAYWNtZS5leGFtcGxlIiwiZW1haWxfdmVyaWZpZWQiOiJ0cnVlIn0.Rujp4fJjQ0uEE3NRYfSRZyPR7nHf8_2q-gn3DBr2OQOD9JBhz2qjTSS4Zc0FkWPyf7cAK1eFu-cuvFS8wWnPpVMu0i1hTlEPC3SnUCg_txLgdnKpBACD-t24kvyCps-xcYX9k1OuWBpdTuZQ-rJTl0C-7V0LkrTj7SqZiiukJsvovctruaRvCtqJzpRnLFhihxU8K5SurK6XnJOiuoC3xsJXN-VC9Nr6atG0MqWWCXzjpqbaDLuISkbupmve2LHxA3S1mPzAjsMIQh5ZuSxP4sI8fj8wUuILJcrI3eXnoC-HaksS3xAYJXL8hhxaB6fIX1lTIOVHE7B1ZxNDeJGryA'),
    ('full', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWExOGI4NjliMmU4MWMwYzUyOTU1MmEzYzRmYTVjOTJlZDA4Yjk4YTRlMTQ2YWVkNzc4ZDcxZDI3NTE3ZjgzYWMiLCJlbWFpbCI6ImZ1bGxAYWNtZS5leGFtcGxlIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsIm5hbWUiOiJBbm4gQWNtZSJ9.bW0UKr5ynejJ6MMTIGvt6pWUUaF9oYVqHUdkmerHb9_TqyvTFoH3KRwQsY-r8EnwnrB2i6_-J_BJhsPTUdjfNHAR5J6a7K99R3mLnkzyGgj7JgQIWQQ5pEXJQMuuklF_VylslXBvbCsKmJfLB6bLR3YqSf6Dy3GheE9IyAJySHrW3HahOqMjmyLZBjlm2AIxfcRawCl4FQjAHyvfPPF9_bsWNXbsep99P_VHoB7iNxFzae_y2o_kx57-XD30-PdUZ0fgY2En2QZH2MerOr3DzmW9llyW1MU7oXkHKw64zI2MzimF-RPXS0UCXX-ULhZzNx9JNkzt39xEH5RE4oJTxw'),
    ('removed', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWUxZjc5NzU4Y2M0MmU2ZmU2MDM3OTQxMjA1ZDFmYmMzN2Y1NzgwZjEzYWEwNzdkMGJhODI4N2ZkOTNjZWNkNTIiLCJlbWFpbCI6ImdvbmVAYWNtZS5leGFtcGxlIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsIm5hbWUiOiJBbm4gQWNtZSJ9.c_M2KrQiEnIBsgXv-ykEdoPZ2B_WnPM74aLiV8TSTF9F3OFgK-f7mVXegq-Z2MeLpTNNy2guIhPzTlyc29fPE8foxDTv5KZqSkEIcahqcWsg3ycekQBe8gCmwsvTGVq8a9QyfS6IVqjvqBzbqo2UJGL_VuVtBrTPQarMk_zIMCcejSFfAVF-SIe784YoX70lhCPCu3X3zivQQWLxjSFeeqWJpvS3E5_hj7dknzQIO8Ab4Fa8yEJKAph_WGPIwUI7yBiQDN6ujjm4QqQ9RpuBoi5Fd4ruxVy1Y7XZ-dj86-naaQJpPOQVviljqPdKfTkyIS18qdndhvumiWK8ls-Kgw'),
    ('owner', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTRjMTAyOTY5N2VlMzU4NzE1ZDNhMTRhMmFkZDgxN2M0YjAxNjUxNDQwZGU4MDgzNzFmNzgxNjVhYzkwZGM1ODEiLCJlbWFpbCI6Im93bmVyQGFjbWUuZXhhbXBsZSIsImVtYWlsX3ZlcmlmaWVkIjp0cnVlLCJuYW1lIjoiQW5uIEFjbWUifQ.DtilYbDsRXS3eqa4MSNSen5NwkfetGWMb-VoXqBXjr0aonW3f_rus0PEsrdnEQhWBMNi_g53NeOi8UHydRTtLC0CSK328rHgqKN6ga_6TUyMc6G31FRqpXx78GbeoSXEYJCa5eS1Yo2IqtsdBEeH7uJhGoVdmc32q6494oFTQRoeKf6-1HoEyjyvgITy-E-VnqNiFofpIu3bOceazmEXogFPRCWF9p3e7jeZKxNFCMcwNcL40_NWJXKurdyQRzQMvPM64jhtOqhF2PnZ3cMCW-ndNuz6Qed7s7KB_0gl4nvXXOBv495uCNcMjPWPDY7lHkGqZjG61gen3SkxbPgmPw'),
    ('unverified', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTk3YjdlMmRiNzk5ZTJiNzllNjVmNDE4YjQyYTdkMzA1NGM5NWIyZDNhYjFkYmEyNDMwMzk1OTdlNDRhMzgwODQiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6ZmFsc2UsIm5hbWUiOiJBbm4gQWNtZSJ9.E67u9hz0nFNuyLVfApM-Yd_cJXSjXAmh8ZYXCQkHgmnhXsAQEMwwWD4jFyTukv_t9jFtifPeNWsMRZRbIb3h4VNuoFNTcT0JlQiP9lWvAl5UJb1rwQRhFvl3u4al7xwfTlAUqfqlSN1l-2mDsOZTH9PiOxwFHH0KmPZdUgODemIxYoVwmV-CrTkUDDvP8VjvH5hm52NWgi7s0f7dyALsdUIHuctqVVJ0brelGISz5XLCu6eGRYnUyIufx2ViX31hun3BplLmW5XPP6etfKwlsEeCOI4BByH4vdCsVXWdncb0F7fy0XluP4lzDDPeoRYkvRyZmCmdA6BwLILCoPxYVg'),
    ('no_claim', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWFkMmVlYTY4N2Y4ZDhlMmI1ODhhNzkyZWM2NDM2ODFmNWJmMmM5N2RkMzRlZTNlMTE2OGVkOWU0MGNlZDk1MTciLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJuYW1lIjoiQW5uIEFjbWUifQ.NaHltJI1sWABDO75Ex8lY-e8lDASZ7NVGQ05Bu7B-c37RTsLp-rfyqGCUvoZON2IqNVHtO4Mkbwn7eL1mbELa35uPiYOYX1JKzA-tvb8sQoQqoCUem5tHr6PVvSkDPTDS1_7dqYaxvYUKgXXGamqcJrgmQB2K2oCOhKpCCYHp530i8kyuI_xcFDRCQHUxzCximZHpx60ka7rQ4qARF7SjbiA9wzVpGUgG49DNA-O-w-d93G_ji5C0nSLKrBrKlvW_3GgrURrsfbU4vHUtmX8WMJdEysYENIy8ArKkbh41d-XrZbYMf2Df1GGFgqri_ihqlWySP3o3Zzw_etVkrOV7w'),
    ('no_email', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWRlYzYzNjQzODU3YmVlYzA3MjM3MTc3ZmRmMWNjOTRhNjA1Yjk3MTY3MTc0NDUwMzJiZTJmMDNkYmVkMWE1ZGYiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.aajLku4uZ-8SgDdaArafuVFBUDvJ3aIdDqaGrn8-AfYDBXn5KE7edVliyc6SksJWUR9kFsLfHfZNNRphj2YymiOYKBsnLPKvPjQGDuCHBYVLfD1FhWXmAhOHTvgqJuxjOQ0NqNrd3jcIaDiipOKmwfnMgNIXyJizW0swt4NtsDGTHPFoJWduFsBkleHN_j8eyIs2A6IhS5wPXyyqScV1DoTcd6GEq6Mha2JBX_16_gao0DJHCuRDJ6sppwBmbvMuAIRgt-mU6SeJpWob-JEhTyVtxnoa376D3_MTLoYyMGsarhN1sIchXiIar6Ha5JOIcAAeSxqk6FPFajA2PIsXBA'),
    ('other_issuer', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSIsImF1ZCI6ImNsaWVudC0xIiwic3ViIjoicy0xIiwiaWF0IjoxNzcyMzY2MzkwLCJleHAiOjE3NzIzNjY3MDAsIm5vbmNlIjoiMDE5MGFhYWEwMDAwNzAwMDgwMDAwMDAwMDAwMDAwMGE1M2VkMjU0MTgzMmIxNTM5ODU1NWRhMTYwYjU1MDQ3NjljMThiMmMzZjRjZTc0ODI3NDQyODJjODg3YTIyZGExIiwiZW1haWwiOiJBbm5AQWNtZS5FeGFtcGxlIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsIm5hbWUiOiJBbm4gQWNtZSJ9.DgrsprUEDwnQo9zrEybwx9nW_54lzcnFjSywnYkxfqPnCVw_ngT3e3DcCZZzdgcuiWjTVJNiJZ3ax5y0irU-a3iULBg90z5nX2xetdo0-Zz-odC_NFZWDh3k_rkXWxar2OdTcIix4bCEmJIDPY6PQ7c7wPUvWmvHLma9-BE-jM_yh5275eimXDyXnLlheTKb7oWouE_SxU4NpWPOsi1fprTDkQa_mTigZPrjvfHFxvbVfefodJDssovETM7bREQneWV8_BF6qqba-ccRX-V-W2M1_tOFm6bgznpawWtn3lW27Z-iZo-FQQPsvqCQt-Qj0vUtccUeuQhATx-vHkHIcA'),
    ('other_audience', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTIiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWFhMTcyN2U2Mjk3ODkxYjY1N2ZjODFhY2Y5YmJmNWEzOWFiMTZhNTM1NGNlZGY1MWViZjVkYjBlNmEwMzE1M2UiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.KV_m6kkt8_xjAhFrTOPhoXgJSqb6L933fhravomQh7wwu7vLDkuo9uDproS1d29LthYjDQGTV_-srlykiI07qapwJ51pERSpE1el8RggEjw1Cy-hhTvF7DUgT9QuZ-pp1-rjjWmPjxR3C2mBpLIn_U2YNkPlA3bjNByYebLD4ecLt98vMH3BM3Ppi-pZUpwYINI0WCqxqoh6cHRxn1jvZuq60tQIi1XlyoUzu7H0RaKgnEWkiOlyezyzgx-dHVSRi6_ujFyaR0CcVbbJmIIx8h2k9ezaVXaqHJqDuhKCoqUaq7GqjXQXBR9F6wiixeqJuX4WTFQqQpSQ8ASvd1LwIw'),
    ('expired', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjU1MDAsImV4cCI6MTc3MjM2NTgwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWZhNjRlYTFlODJlMTIwNmY4MjhhYjJhMDI5MTdjN2U5MmFjY2I5OGUzYjk1ODgxYTFiNGFkNTJiOTE0YjY2ZTMiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.D4yQ3xSENx0UEstnZg0Kd4G_37D33qLPotZ5lDhGhj_53aTvtynJSOTqGiJJu0rItrH3dbPGBsiXPCKAJVSw4d4BVe3uaTuOxIEGuXU6vV2otqLn7LNENcnMhBnS77JnlHcl6oyoBWfCSVV9giQdWRrO5sUenfUIRbJISjoBYk7sGGW8mdNgzcKuLKq3dWtRKQUdgXZDW3Atn37fVq0gJfaz4HV7fLGRSvi-g_djCaF4sIFHNsG6BKIcv3qOBnq7nf9Q8fI3zX20VWwoII8zUtuYvn5To_pSp70eaf9qXsgGOSmOliOHuGg3MGsqdaNN4JBx4Mjy2384W56nJTw62w'),
    ('early', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjcwMDAsImV4cCI6MTc3MjM2NzMwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWY0MDg4MzBiY2M3ZmFiMzcwODE5MTcyMjQ0YWEzMmUzYmE2NmE4NDg4MzU5MTFjMDI2MjlkOWE0ZGZmNzc5OTIiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.IKwudvphABWlF-GNso7HcpZ-8cryqxU42BZtn35eBFqCagHnHtooMFuInss57t_1HirmurNgU5Xgkp1mRn6abDbO34iV5Rzhn0Wjsf71YNqaP5a3daLaVnqvDoYhpcYW5rP8yjYX2zMAoRMTrdvoA3vXNego8fAy32OQjSnrZtXB28U9PwaMRmZ7QNtyLSZrZPtpYBIT4KX7k9TRigMvcY-DP79k0Rwz3yUKFPg3K9ejg0lAN95p21g3Wr-67J_7ruyVT78e-Ws7t8z6ORzqaXpIkP9QjC2ZSRXLfGsShcLKhabWgYyObSg2m9L5O3hLF0WoMq4fL4CNm428G0dRDA'),
    ('none', 'eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoia2V5LTEifQ.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTE0MGJlZGJmOWMzZjZkNTZhOTg0NmQyYmE3MDg4Nzk4NjgzZjRkYTBjMjQ4MjMxMzM2ZTZhMDU2NzllNGZkZmUiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.'),
    ('hs256', 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTQ1ZTg4Mzg5N2ZkYjM2MWM2YjA4YzBmZmViYWRkMTU3YWJlODU3ZTc5OTY0NzMyODkwZGM4MjUwNWZmMTBjMzIiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.RhWc9XDwt_fitmVfmbt0ILTAjmACNEzIIyzNe8gupoc'),
    ('foreign_key', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTE4MjA1OGQwY2Y3MTVlMTlmZDQ4YjBmOWJkMjNkNDgzYWY1OTFlZTk1ZDE5NmUxNWQ5ZTE1MTQzZGEzZjUyZGMiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.bSScProNaaBGAImStALwVY5XVgfBtooGS0yGcTHVqBMwLYLtAydftFNXhohHCZ3JoXAb0izb6Ft6zzPt8kKwf_JekWI4prfhWH-Bm4PiAQ4zrf9BtrIVXH1AhbVl9FNkVpyYTPzIyp6DnB_KZ8WwZUUWF0J1BEGanZeGNXwQmib2hEaPs9Qxpgv5FYZJQ5UAsb_eU13dl1_SiYsWCslKlegK_bdOPLC_coupe8A4diLaItHIBMkexPTLrYy2nDAoidxJqz8lpO7lcccKDMuJr_9SuKwpWtncP2U7JhVAYzOJSBCxUHbnVI6dfMr6MQ5vXlVqtI_Ih2C9fLkVS81VyA'),
    ('new_key', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0yIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWIxZmQ2NTkyMzA5ZTc3Y2Y0OWVjYmMxYThhNDY2YjRlNzhlNGQwOTdmY2I4NDBlOWJjOGQ1ZjlkY2JjNzRhYjMiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.alxhwCqB25P1nd5P3zZW29GGiMhNpdJYcgi7vqsqYvtIk23_XBdeQT_SfJDpfxFgkuaCLzBSbn5jrPLIyxphEuzD1EFu6ma4XrinEYNr3p0hEMUYXozUmDqWWQp8i4hN6l2YVVifRIpyaF6Ebs4o2FTuOMog98o7R3PcMeFVkP6e20xy2vlu7Z0II9xDI2FA2pmcM0HdXp4owJyCwhCLjSL2gTGsVFJdpgo_9hV_U9Aq5Nbvc_hftNHM5tZ0Pu3VQqkxn8Hdn_QmtUL7D5oP-eZ4ZxY8PXujQusOTq1ElVgAiVOcwO2-6367GKVczVKmGYtb3UFjcznlBZmpcv5xZQ'),
    ('no_kid', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYWNlMjM1MWQ0M2NkM2U5YWUwNTQzNTRmMjQyNzYzODY4OGNkMDk0YjU3NjZkMjRhNTAyMWNhNDc3NzlhZGM2YzgiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.P621i3pE2LuufyBhaHKWq4oBHnJR_XCgJAVNMw-oZNOQbFkFUyYzt_iEIjNU5p9Xl7Cf4YlIYovEd2gRabw9fYkHUNq9VG6Korbj6sJrhd1gEUR3EMv5nVaZWDqGJ4qSTw-jZFJQjWdudDYr3wJsH38Bo1_IgLi-cB5Fe_dMeHN8Sso0oUC5gWSHy1MPIw7UJLrKZi82-zDtJpapfWFnE8RbqMxagTqi9f5MhgubGxn-vXQVmJkPMUiFRt50NNGC0kw9QgzIGR-vM34XBJlOFdwAl_59elf2LrOH795EbnfFJA-o2tHFvrgBtXni__Rtq77mPjtzhYdbZiI_gxNILg'),
    ('disabled', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTE3ZWIzYzAxNjhkMGQ3YjIxZWRlNTQ4MTE1MGYxNzIzMzQyN2Q4OTgzM2VjMTIxYjRkYmM0ZmI5NmNmYWI3MWUiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.maoASYgZfqZ6fQqzsb-zoMIu4_LR5j8phIX_mkkAwvVOYRlmaO8Y714Nt-KQ_tSEZT57itUlLHBOfIAYDq3leaNhKgktCtTryxxqCUD1QEpJQWjh_nxWpUdu8Lit-R95hSx9ebgOFBa7cTgdnO896gkQ90Jj0i8pnFQGJN2Z0oSRq29vLK42PtpUz6Ecr0k1AMR4VmkZUL49E1S5krg38_ZR7pSpS3ielN4gQm9IaZZO2-4OnRyKwJDAms6PPk9rEnf6e3pkCBArVnLO0WPt70VVZ1lsRmJqmt6lxQvb9bdU7LHBvhMOyz_ClbCzCsd-x_8lC6gRXbfva6LEHdPzWg'),
    ('late', 'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiY2xpZW50LTEiLCJzdWIiOiJzLTEiLCJpYXQiOjE3NzIzNjYzOTAsImV4cCI6MTc3MjM2NjcwMCwibm9uY2UiOiIwMTkwYWFhYTAwMDA3MDAwODAwMDAwMDAwMDAwMDAwYTA4OTAwMWEzNTY3OWEzM2VmM2RiMGNhMzUwZGI5YjlhMmYwMTM2ZTBlMzI3NTc3YjA0YjNiOTgxMjc0NzA5NjEiLCJlbWFpbCI6IkFubkBBY21lLkV4YW1wbGUiLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwibmFtZSI6IkFubiBBY21lIn0.R9wcgXmfb5RCdOFofSOuLHmYPgHTlbGumIHzy69rUkD2EvkccnBQGsIGota1SdxAGNef0ijGdPQldRKW5xLEMVshN84YoHvX0mX53D5r1I1aY1VPfJEgdQEfbpRHxYVDnvhbiZ2m721qlySJIMZEs3MGxsmo0oxcwwNeQL4WlGe88i2f_PeTzLEe27zbbOTPDLkb7ZK-6WmGhaygYmM_03-Lut0dFutwyUNsjbeKp1DPyxwpO7agB2W0bH_dHGS6cs4A9iXMZ8aKEeJpRxN-NCh43abZQv1JPYeEg2LHRAZRFLLJvda1exV8On-I7Ik2PzYEHTHZUzEG6KuFo8IeUA');
GRANT SELECT ON key, token TO PUBLIC;

INSERT INTO sentinel.orgs (org_id, name, slug) VALUES (:'org', 'Acme Ltd', 'acme-oidc');
SELECT sentinel.setup_orgs();
SELECT sentinel.create_org('Other Ltd', 'other-oidc') AS other \gset
SELECT sentinel.enter(:'other');
SELECT sentinel.add_member('Ann', 'ann@acme.example', 'owner') AS ann_there \gset
SELECT sentinel.enter(:'org');
SELECT sentinel.add_member('Olga', 'owner@acme.example', 'owner') AS olga \gset
SELECT sentinel.add_member('Adam', 'adam@acme.example', 'admin') AS adam \gset
SELECT sentinel.add_member('Ann', 'ann@acme.example') AS ann \gset
SELECT sentinel.add_member('Gone', 'gone@acme.example') AS gone \gset
SELECT sentinel.remove_member(:'gone');

CREATE FUNCTION pg_temp.settle() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    org uuid := sentinel.require_org();
    j record;
    done integer := 0;
BEGIN
    FOR j IN SELECT * FROM sentinel.claim('pgtap', '{default}', 1000) c WHERE c.org_id = org LOOP
        PERFORM sentinel.complete(ARRAY[j.job_id], ARRAY[j.lease], jsonb_build_array(sentinel.run_handler(j.org_id, j.job_id, j.lease)));
        done := done + 1;
    END LOOP;
    PERFORM sentinel.enter(org);
    RETURN done;
END $$;
CREATE TEMP TABLE asked (job_id uuid, lease bigint, org_id uuid, target_kind text, target_id uuid, url text, body bytea, secrets jsonb);
CREATE FUNCTION pg_temp.claim_http() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM asked;
    INSERT INTO asked SELECT r.job_id, r.lease, r.org_id, r.target_kind, r.target_id, r.url, r.body, r.secrets
    FROM (SELECT array_agg(c.job_id) AS jobs, array_agg(c.lease) AS leases FROM sentinel.claim('pgtap', '{crm}', 100) c
          WHERE c.org_id = sentinel.current_org()) x
    CROSS JOIN LATERAL sentinel.http_requests(x.jobs, x.leases) r;
    RETURN (SELECT count(*) FROM asked);
END $$;
-- What the worker reports of what was claimed; then what follows.
CREATE FUNCTION pg_temp.reply(status integer, body bytea DEFAULT '', more jsonb DEFAULT '{}') RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n integer := pg_temp.claim_http();
BEGIN
    n := sentinel.finish_http((SELECT jsonb_agg(jsonb_build_object('job_id', a.job_id, 'lease', a.lease, 'worker', 'pgtap', 'started_at', now(),
        'sent', true, 'http_status', status, 'resp_excerpt_hex', encode(reply.body, 'hex'), 'resp_truncated', false) || more) FROM asked a));
    PERFORM pg_temp.settle();
    RETURN n;
END $$;
CREATE FUNCTION pg_temp.publish(VARIADIC kids text[]) RETURNS bytea LANGUAGE sql AS $$
    SELECT convert_to(jsonb_build_object('keys', jsonb_agg(k.jwk ORDER BY k.kid))::text, 'UTF8') FROM key k WHERE k.kid = ANY (kids) $$;
CREATE FUNCTION pg_temp.call(verb text, path text, body jsonb DEFAULT NULL, at timestamptz DEFAULT '2026-03-01 12:00:00+00', bearer text DEFAULT NULL,
                             OUT status integer, OUT "json" jsonb, OUT headers jsonb) LANGUAGE plpgsql AS $$
DECLARE
    said record;
BEGIN
    -- As the gateway does: its role may work in no organisation by itself.
    PERFORM set_config('role', 'sentinel_gateway', true);
    SELECT * INTO said FROM sentinel.http_handle(verb, path, NULL, jsonb_build_array(jsonb_build_array('Content-Type', 'application/json'))
        || CASE WHEN bearer IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_array('Authorization', 'Bearer ' || bearer)) END,
        convert_to(coalesce(body::text, ''), 'UTF8'), '192.0.2.1', at);
    PERFORM set_config('role', 'none', true);
    status := said.status;
    json := CASE WHEN octet_length(said.body) > 0 THEN convert_from(said.body, 'UTF8')::jsonb END;
    headers := said.headers;
    -- The limits are tried elsewhere.
    DELETE FROM sentinel.request_buckets;
END $$;
-- Make the nonce of a fixed token known, as POST /auth/oidc/start would.
CREATE FUNCTION pg_temp.know(token_name text, issuer uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO sentinel.oidc_nonces (org_id, nonce_sha256, issuer_id, expires_at) VALUES ('0190aaaa-0000-7000-8000-00000000000a',
        sha256(convert_to('0190aaaa00007000800000000000000a' || encode(sha256(convert_to(token_name, 'UTF8')), 'hex'), 'UTF8')), issuer,
        '2026-03-01 12:05:00+00') ON CONFLICT DO NOTHING $$;
CREATE FUNCTION pg_temp.sign_in(token_name text, at timestamptz DEFAULT '2026-03-01 12:00:00+00', OUT status integer, OUT "json" jsonb, OUT headers jsonb)
    LANGUAGE sql AS $$ SELECT c.* FROM token t CROSS JOIN LATERAL pg_temp.call('POST', '/auth/oidc', jsonb_build_object('idToken', t.id_token), at) c
    WHERE t.name = token_name $$;

-- Providers.
SELECT throws_ok(q, c, NULL, 'refused: ' || q) FROM (VALUES
    ($$ SELECT sentinel.add_oidc_issuer('not an address', 'x', 'https://idp.example/keys') $$, 'SN007'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', '', 'https://idp.example/keys') $$, 'SN007'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'ftp://idp.example/keys') $$, 'SN007'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://user:pw@idp.example/keys') $$, 'SN007'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://idp.example/keys', 'javascript:alert(1)') $$, 'SN007'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://idp.example/keys', default_role => 'owner') $$, '22023'),
    ($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://idp.example/keys', default_role => 'admin') $$, '22023'),
    ($$ SELECT sentinel.refresh_oidc_keys(sentinel.uuid7()) $$, 'SN004'), ($$ SELECT sentinel.delete_oidc_issuer(sentinel.uuid7()) $$, 'SN004'),
    ($$ SELECT sentinel.enable_oidc_issuer(sentinel.uuid7()) $$, 'SN004'), ($$ SELECT sentinel.disable_oidc_issuer(NULL) $$, 'SN004')) v(q, c);
SELECT sentinel.enter(:'org', :'ann');
SELECT throws_ok($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://idp.example/keys') $$, 'SN003', NULL, 'members add none');
SELECT sentinel.enter(:'org', :'adam');
SELECT throws_ok($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'x', 'https://idp.example/keys', vouches_for_owners => true) $$, 'SN003', NULL,
    'an admin lets none vouch for owners');
SELECT sentinel.add_oidc_issuer('https://idp.example', 'client-1', 'https://idp.example/keys', 'https://idp.example/authorize?x=1') AS idp \gset
SELECT sentinel.enter(:'org');
SELECT throws_ok($$ SELECT sentinel.add_oidc_issuer('https://idp.example', 'client-1', 'https://idp.example/keys') $$, '23505', NULL, 'nor twice the same');
SELECT is((SELECT count(*) FROM sentinel.audit_log WHERE org_id = :'org' AND action = 'oidc_issuer.added'), 1::bigint, 'it is in the audit log');

-- Keys.
SELECT results_eq($$ SELECT job_type, queue FROM sentinel.job_waiting WHERE org_id = sentinel.current_org() AND job_type = 'send_jwks' $$,
    $$ VALUES ('send_jwks', 'crm') $$, 'its keys are asked for at once');
SELECT ok(NOT sentinel.refresh_oidc_keys(:'idp'), 'and not again while that is under way');
SELECT is(pg_temp.claim_http(), 1::bigint, 'a worker is given the request');
SELECT results_eq('SELECT target_kind, target_id, url, body, secrets FROM asked', format($$ VALUES ('jwks', %L::uuid, 'https://idp.example/keys', ''::bytea, NULL::jsonb) $$, :'idp'),
    'without body and without any key of ours');
SELECT is(sentinel.finish_http((SELECT jsonb_agg(jsonb_build_object('job_id', job_id, 'lease', lease, 'http_status', 200, 'sent', true,
    'resp_excerpt_hex', encode(pg_temp.publish('key-1'), 'hex'))) FROM asked)), 1, 'which reports the answer');
SELECT is((SELECT jwks_fetched_at FROM sentinel.oidc_issuers WHERE id = :'idp'), NULL, 'a job reads it');
SELECT is(pg_temp.settle(), 1, 'which runs');
SELECT results_eq(format($$ SELECT jwks #>> '{keys,0,kid}', jsonb_array_length(jwks -> 'keys'), jwks_problem, jwks_answer, jwks_fetched_at IS NOT NULL
    FROM sentinel.oidc_issuers WHERE id = %L $$, :'idp'), $$ VALUES ('key-1', 1, NULL, NULL::bytea, true) $$, 'and takes over the key');
SELECT is(sentinel.handle_apply_jwks(sentinel.uuid7(), jsonb_build_object('issuer_id', :'idp')), '{"skipped": "no answer that was not seen to"}', 'once');
SELECT is((SELECT count(*) FROM sentinel.delivery_attempts WHERE org_id = :'org' AND resp_excerpt IS NOT NULL), 0::bigint, 'the answer is kept nowhere else');

SELECT is((sentinel.read_jwks(convert_to(a, 'UTF8'))).jwks, NULL, 'no keys: ' || w) FROM (VALUES
    ('nothing', ''), ('no JSON', '<html>'), ('an array', '[1]'), ('no member keys', '{}'), ('keys that are no array', '{"keys": {"kty": "RSA"}}'), ('no keys', '{"keys": []}'),
    ('what is no key', '{"keys": [1, null, "x", []]}'), ('a shared secret', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'),
    ('a key for encryption', '{"keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}'), ('half a key', '{"keys": [{"kty": "RSA", "n": "AQAB"}]}'),
    ('members that are no text', '{"keys": [{"kty": "RSA", "n": {"x": 1}, "e": 3}]}'), ('a modulus of a book', '{"keys": [{"kty": "RSA", "e": "AQAB", "n": "' || repeat('A', 1401) || '"}]}'),
    ('a zero character', '{"keys": [{"kty": "RSA", "n": "\u0000", "e": "AQAB"}]}'), ('100,000 levels', repeat('[', 100000) || repeat(']', 100000)),
    ('more than 256 KiB', '{"x": "' || repeat('x', 262144) || '"}')) v(w, a);
SELECT is((sentinel.read_jwks('{"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "d": "secret", "x5c": ["cert"]}, {"kty": "oct", "k": "x"}, {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "use": "sig"}]}')).jwks,
    '{"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "use": "sig"}]}', 'of keys what verifies is kept');
SELECT is(jsonb_array_length((sentinel.read_jwks(convert_to('{"keys": [' || string_agg('{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "' || n || '"}', ',') || ']}', 'UTF8'))).jwks -> 'keys'), 20,
    'of many the first twenty') FROM generate_series(1, 50) n;

SELECT ok(sentinel.refresh_oidc_keys(:'idp'), 'keys are fetched anew when asked');
SELECT is(pg_temp.reply(404, 'nothing here'), 1, 'the provider has lost them');
SELECT results_eq(format($$ SELECT jwks #>> '{keys,0,kid}', jwks_problem FROM sentinel.oidc_issuers WHERE id = %L $$, :'idp'), $$ VALUES ('key-1', 'no keys came: HTTP 404') $$,
    '404: the old key stays, and why');
SELECT ok(sentinel.refresh_oidc_keys(:'idp'));
SELECT is(pg_temp.reply(200, '<html>rubbish'), 1);
SELECT ok((SELECT jwks #>> '{keys,0,kid}' = 'key-1' AND jwks_problem LIKE 'the answer cannot be read: it is no JSON%' FROM sentinel.oidc_issuers WHERE id = :'idp'), 'rubbish: the same');
SELECT ok(sentinel.refresh_oidc_keys(:'idp'));
SELECT is(pg_temp.reply(200, convert_to('{"keys": [', 'UTF8'), '{"resp_truncated": true}'), 1);
SELECT is((SELECT jwks_problem FROM sentinel.oidc_issuers WHERE id = :'idp' AND jwks #>> '{keys,0,kid}' = 'key-1'), 'the answer is longer than 256 KiB', 'too much: the same');
SELECT ok(sentinel.refresh_oidc_keys(:'idp'));
SELECT is(pg_temp.reply(503, '', '{"retry_after_s": "600"}'), 1);
SELECT results_eq(format($$ SELECT d.state, i.not_before > now() + interval '9 min', NOT sentinel.refresh_oidc_keys(i.id)
    FROM sentinel.oidc_issuers i JOIN sentinel.deliveries d ON d.org_id = i.org_id AND d.target_id = i.id WHERE i.id = %L AND d.state = 'waiting' $$, :'idp'),
    $$ VALUES ('waiting', true, true) $$, '503: it is tried again, as late as the provider wants');
SELECT sentinel.cancel_job(d.job_id) FROM sentinel.deliveries d WHERE d.state = 'waiting';
SELECT is((SELECT jwks_problem FROM sentinel.oidc_issuers WHERE id = :'idp'), 'no keys came: HTTP 503', 'given up, it says why');
SELECT is((SELECT count(*) FROM sentinel.alerts WHERE org_id = :'org' AND kind NOT LIKE 'deal%'), 0::bigint, 'nobody is woken by that');
UPDATE sentinel.oidc_issuers SET not_before = NULL;
SELECT throws_ok(format('SELECT sentinel.%s(%L)', f, :'idp'), 'SN004', NULL, 'a provider is no target for ' || f)
FROM unnest(ARRAY['enable_target', 'disable_target', 'delete_target', 'rotate_secret', 'send_test']) f;
SELECT throws_ok(format('SELECT sentinel.redeliver(%L)', (SELECT id FROM sentinel.deliveries WHERE org_id = :'org' AND state = 'delivered' LIMIT 1)), 'SN005', NULL,
    'nor is a request for keys sent again');

-- Beginning.
SELECT is((pg_temp.call('POST', '/auth/oidc/start', b)).status, s, 'start: ' || w) FROM (VALUES
    ('unknown organisation', '{"org": "nowhere"}'::jsonb, 404), ('one without a provider', '{"org": "other-oidc"}', 404), ('unknown provider', '{"org": "acme-oidc", "issuer": "https://x.example"}', 404),
    ('no organisation', '{}', 400), ('odd response type', '{"org": "acme-oidc", "responseType": "token"}', 400), ('odd way back', '{"org": "acme-oidc", "redirect_uri": "javascript:x"}', 400),
    ('by slug', '{"org": "acme-oidc"}', 200), ('by id', '{"org": "0190AAAA-0000-7000-8000-00000000000a"}', 200), ('by provider', '{"org": "acme-oidc", "issuer": "https://idp.example"}', 200)) v(w, b, s);
SELECT (pg_temp.call('POST', '/auth/oidc/start', '{"org": "acme-oidc", "redirect_uri": "https://app.example/back?x=ü"}'::jsonb)).status AS refused,
       (pg_temp.call('POST', '/auth/oidc/start', '{"org": "acme-oidc", "state": "a&b", "redirect_uri": "https://app.example/back?x=1"}'::jsonb)).json -> 'data' AS begun \gset
SELECT is(:'refused'::text, '400', 'an address outside ASCII is refused');
SELECT is(replace(:'begun'::jsonb ->> 'authorization_url', :'begun'::jsonb ->> 'nonce', 'NONCE'),
    'https://idp.example/authorize?x=1&response_type=id_token&client_id=client-1&redirect_uri=https%3A%2F%2Fapp.example%2Fback%3Fx%3D1&scope=openid%20email&state=a%26b&nonce=NONCE', 'the address to go to');
SELECT matches(:'begun'::jsonb ->> 'nonce', '^0190aaaa00007000800000000000000a[0-9a-f]{64}$', 'a nonce of this organisation');
SELECT is((SELECT count(*) FROM sentinel.oidc_nonces WHERE nonce_sha256 = sha256(convert_to(:'begun'::jsonb ->> 'nonce', 'UTF8')) AND expires_at = :'now'::timestamptz + interval '10 min'), 1::bigint,
    'of which the hash is kept, for ten minutes');

-- Signing in.
SELECT pg_temp.know(name, :'idp') FROM token;
UPDATE sentinel.oidc_issuers SET jwks_asked_at = :'now'::timestamptz - interval '1 hour';
CREATE TEMP TABLE answer AS SELECT * FROM pg_temp.sign_in('good');
SELECT is((SELECT status FROM answer), 200, 'a good token signs in');
SELECT results_eq($$ SELECT json #>> '{user,email}', jsonb_array_length(json -> 'organisations'), json #>> '{organisations,0,org_id}' FROM answer $$,
    format($$ VALUES ('ann@acme.example', 1, %L) $$, :'org'), 'as the member with its address, whatever its case, in this organisation only');
SELECT is((pg_temp.call('GET', '/auth/me', NULL, :'now', (SELECT json ->> 'token' FROM answer))).json ->> 'org_id', :'org'::text, 'the session is in it');
SELECT results_eq($$ SELECT method, only_org_id FROM sentinel.sessions s JOIN sentinel.users u ON u.id = s.user_id WHERE u.email = 'ann@acme.example' $$,
    format($$ VALUES ('oidc', %L::uuid) $$, :'org'), 'and in no other');
SELECT is((pg_temp.sign_in('good')).status, 401, 'the same token again does not');
SELECT is((pg_temp.sign_in('no_kid')).status, 200, 'one without kid does');
SELECT is((pg_temp.sign_in(n)).status, s, 'refused: ' || n) FROM unnest(ARRAY['other_issuer', 'other_audience', 'expired', 'early', 'none', 'hs256', 'foreign_key', 'unverified',
    'no_claim', 'no_email']) n, (VALUES (401)) v(s);
SELECT is((pg_temp.sign_in('removed')).status, 403, 'refused: who was removed');
SELECT is((pg_temp.sign_in('new')).status, 403, 'refused: who is no member');
SELECT is((pg_temp.sign_in('owner')).status, 403, 'refused: an owner, for whom no owner let this provider vouch');
SELECT is((SELECT count(*) FROM sentinel.oidc_nonces n JOIN token t ON n.nonce_sha256 = sha256(convert_to('0190aaaa00007000800000000000000a'
    || encode(sha256(convert_to(t.name, 'UTF8')), 'hex'), 'UTF8')) WHERE t.name IN ('expired', 'none', 'foreign_key', 'new', 'owner')), 0::bigint, 'what was shown is used up, also by a failure');
SELECT is((SELECT count(*) FROM sentinel.sessions), 2::bigint, 'and no session came of it');
SELECT is((pg_temp.call('POST', '/auth/oidc', jsonb_build_object('id_token', x))).status, s, 'no token: ' || left(x, 20)) FROM (VALUES ('x', 401), ('a.b.c', 401), ('..', 401),
    (repeat('a', 20000), 401), ('e30.e30.e30', 401), ('', 400)) v(x, s);
SELECT is((pg_temp.call('POST', '/auth/oidc', '{"id_token": {"a": [1]}}')).status, 400, 'nor an object');
SELECT is((pg_temp.sign_in('late', '2026-03-01 12:05:01+00')).status, 401, 'a nonce holds so long and no longer');
SELECT pg_temp.know('good', :'idp');
SELECT is((pg_temp.sign_in('good')).status, 200, 'a token whose nonce is there again signs in again');
SELECT is((SELECT count(*) FROM sentinel.sessions), 3::bigint, 'it is the nonce that keeps a token from being shown twice');

-- Members are made.
UPDATE sentinel.oidc_issuers SET makes_members = true;
SELECT pg_temp.know(n, :'idp') FROM unnest(ARRAY['new', 'removed', 'owner', 'full', 'unverified']) n;
SELECT is((pg_temp.sign_in('new')).status, 200, 'who is no member becomes one');
SELECT results_eq($$ SELECT display_name, role FROM sentinel.members WHERE email = 'new@acme.example' $$, $$ VALUES ('New Person', 'member') $$, 'with the role of the provider, and a name of one line');
SELECT results_eq($$ SELECT l.detail ->> 'by', host(l.client_address) FROM sentinel.audit_log l JOIN sentinel.members m ON m.id = l.subject_id WHERE m.email = 'new@acme.example' $$,
    $$ VALUES ('oidc', '192.0.2.1') $$, 'which is in the audit log');
UPDATE sentinel.oidc_issuers SET default_role = 'viewer';
SELECT is((pg_temp.sign_in('new_text')).status, 200, 'also where the provider writes true as a text');
SELECT results_eq($$ SELECT display_name, role FROM sentinel.members WHERE email = 'text@acme.example' $$, $$ VALUES ('text', 'viewer') $$, 'named by the address where there is no name');
SELECT is((pg_temp.sign_in('removed')).status, 403, 'who was removed stays so');
SELECT is((pg_temp.sign_in('unverified')).status, 401, 'who may not own the address too');
SELECT is((pg_temp.sign_in('owner')).status, 403, 'nor does an owner come in');
INSERT INTO sentinel.org_plan_limits (org_id, metric, most) VALUES (:'org', 'team_members', 5);
CREATE TEMP TABLE refusal AS SELECT * FROM pg_temp.sign_in('full');
SELECT results_eq($$ SELECT status, json ->> 'detail' LIKE 'plan limit of 5%' FROM refusal $$, $$ VALUES (403, true) $$, 'the plan holds');
SELECT is_empty($$ SELECT FROM sentinel.members WHERE email = 'full@acme.example' $$, 'and nobody is made');
UPDATE sentinel.oidc_issuers SET vouches_for_owners = true;
SELECT pg_temp.know('owner', :'idp');
SELECT is((pg_temp.sign_in('owner')).status, 200, 'an owner signs in where an owner has said so');

-- A key that is not known yet.
SELECT is(pg_temp.claim_http(), 0::bigint, 'none of this asked for keys');
DELETE FROM answer;
INSERT INTO answer SELECT * FROM pg_temp.sign_in('new_key');
SELECT results_eq($$ SELECT status, json ->> 'title', headers @> '[["Retry-After", "5"]]' FROM answer $$, $$ VALUES (401, 'the key of the ID token is not known yet', true) $$, 'an unknown key: try again');
SELECT is((pg_temp.sign_in('new_key')).status, 401, 'and again');
SELECT is(pg_temp.reply(200, pg_temp.publish('key-1')), 1, 'keys are asked for once');
SELECT is((pg_temp.sign_in('new_key', :'now'::timestamptz + interval '30 s')).status, 401, 'still unknown');
SELECT is(pg_temp.claim_http(), 0::bigint, 'and not asked for twice in a minute');
SELECT is((pg_temp.sign_in('new_key', :'now'::timestamptz + interval '61 s')).status, 401);
SELECT is(pg_temp.reply(200, pg_temp.publish('key-1', 'key-2')), 1, 'but after it');
SELECT is((pg_temp.sign_in('new_key', :'now'::timestamptz + interval '65 s')).status, 200, 'the token then signs in: an unknown key used up nothing');
SELECT pg_temp.know(n, :'idp') FROM unnest(ARRAY['good', 'no_kid']) n;
SELECT is((pg_temp.sign_in('good')).status, 200, 'and the old key holds while it is published');
SELECT is((pg_temp.sign_in('no_kid')).status, 401, 'of two keys none is guessed');

-- Disabled, and gone.
SELECT is((SELECT count(*) FROM sentinel.sessions WHERE ended_at IS NULL) > 3, true, 'sessions are there');
SELECT sentinel.disable_oidc_issuer(:'idp');
SELECT is((SELECT count(*) FROM sentinel.sessions WHERE ended_why = 'revoked'), (SELECT count(*) FROM sentinel.sessions), 'who disables a provider ends the sessions that began by it');
SELECT is((pg_temp.sign_in('disabled')).status, 401, 'and nobody signs in by it');
SELECT is((pg_temp.call('POST', '/auth/oidc/start', '{"org": "acme-oidc"}')).status, 404, 'nor begins to');
SELECT ok(NOT sentinel.refresh_oidc_keys(:'idp'), 'its keys are left alone');
SELECT sentinel.enable_oidc_issuer(:'idp');
SELECT is((pg_temp.sign_in('disabled')).status, 200, 'enabled again they do');
SELECT is(pg_temp.reply(200, pg_temp.publish('key-1', 'key-2')), 1, 'and its keys are fetched');

-- The clock.
UPDATE sentinel.oidc_issuers SET jwks_asked_at = :'now';
SELECT is(sentinel.refresh_keys(:'now'::timestamptz + interval '23 hours'), 0::bigint, 'keys of today are left alone');
SELECT is((SELECT count(*) FROM sentinel.oidc_nonces), 0::bigint, 'sign-ins that nobody ended are forgotten');
SELECT is(sentinel.refresh_keys(:'now'::timestamptz + interval '24 hours'), 1::bigint, 'those of yesterday are asked for');
SELECT is(sentinel.refresh_keys(:'now'::timestamptz + interval '72 hours'), 0::bigint, 'once');
SELECT sentinel.delete_oidc_issuer(:'idp');
SELECT is(pg_temp.claim_http(), 0::bigint, 'of a provider that is gone nothing is asked');
SELECT is((SELECT state FROM sentinel.deliveries WHERE org_id = :'org' ORDER BY id DESC LIMIT 1), 'discarded', 'what waited for it is dropped');

-- By HTTP, and between tenants.
SELECT sentinel.open_session((SELECT user_id FROM sentinel.members WHERE id = m.id), 'password', NULL,
    jsonb_build_object('received_at', :'now'::timestamptz, 'peer', '192.0.2.1')) ->> 'token' AS token
FROM sentinel.members m WHERE m.id = :'adam' \gset adam_
SELECT sentinel.open_session((SELECT user_id FROM sentinel.members WHERE id = m.id), 'password', NULL,
    jsonb_build_object('received_at', :'now'::timestamptz, 'peer', '192.0.2.1')) ->> 'token' AS token
FROM sentinel.members m WHERE m.id = :'ann' \gset ann_
SELECT sentinel.open_session((SELECT user_id FROM sentinel.members WHERE id = m.id), 'password', NULL,
    jsonb_build_object('received_at', :'now'::timestamptz, 'peer', '192.0.2.1')) ->> 'token' AS token
FROM sentinel.members m WHERE m.id = :'olga' \gset olga_
INSERT INTO sentinel.accounts (user_id, email_verified_at) SELECT user_id, :'now' FROM sentinel.members WHERE org_id = :'org' ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.call('POST', '/auth/oidc/issuers', '{"issuer": "https://idp.example", "audience": "client-1", "jwksUrl": "https://idp.example/keys"}', :'now', :'adam_token') \gset made_
SELECT is(:'made_status'::text, '201', 'an admin adds a provider');
SELECT :'made_json'::jsonb #>> '{data,id}' AS idp \gset
SELECT is((pg_temp.call(v, p, b, :'now', t)).status, s, format('%s %s: %s', v, w, s)) FROM (VALUES
    ('POST', '/auth/oidc/issuers', 'twice', '{"issuer": "https://idp.example", "audience": "client-1", "jwksUrl": "https://idp.example/keys"}'::jsonb, :'adam_token', 409),
    ('POST', '/auth/oidc/issuers', 'vouching for owners, by an admin', '{"issuer": "https://idp.example", "audience": "client-3", "jwksUrl": "https://idp.example/keys", "vouches_for_owners": true}', :'adam_token', 403),
    ('POST', '/auth/oidc/issuers', 'the same by an owner', '{"issuer": "https://idp.example", "audience": "client-3", "jwksUrl": "https://idp.example/keys", "vouches_for_owners": true}', :'olga_token', 201),
    ('POST', '/auth/oidc/issuers', 'by a member', '{"issuer": "https://idp.example", "audience": "client-4", "jwksUrl": "https://idp.example/keys"}', :'ann_token', 403),
    ('GET', '/auth/oidc/issuers', 'by a member', NULL, :'ann_token', 403), ('GET', '/auth/oidc/issuers', 'by an admin', NULL, :'adam_token', 200),
    ('PATCH', '/auth/oidc/issuers/' || :'idp', 'disabled', '{"enabled": false}', :'adam_token', 200), ('PATCH', '/auth/oidc/issuers/' || :'idp', 'odd', '{"enabled": "no"}', :'adam_token', 400),
    ('PATCH', '/auth/oidc/issuers/' || :'idp', 'enabled', '{"enabled": true}', :'adam_token', 200), ('POST', '/auth/oidc/issuers/' || :'idp' || '/refresh', 'refresh', NULL, :'adam_token', 202),
    ('DELETE', '/auth/oidc/issuers/' || :'idp', 'by a member', NULL, :'ann_token', 403), ('DELETE', '/auth/oidc/issuers/' || :'idp', 'removed', NULL, :'adam_token', 204),
    ('DELETE', '/auth/oidc/issuers/' || :'idp', 'again', NULL, :'adam_token', 404), ('POST', '/auth/oidc/issuers/' || :'idp' || '/refresh', 'gone', NULL, :'adam_token', 404)) v(v, p, w, b, t, s);
SELECT sentinel.enter(:'other');
SELECT throws_ok(format('SELECT sentinel.%s(%L)', f, (SELECT i.id FROM sentinel.oidc_issuers i LIMIT 1)), 'SN004', NULL, 'of another organisation: ' || f)
FROM unnest(ARRAY['refresh_oidc_keys', 'enable_oidc_issuer', 'disable_oidc_issuer', 'delete_oidc_issuer']) f;
SET LOCAL ROLE sentinel_member;
SELECT is_empty('SELECT FROM sentinel.oidc_issuers', 'another organisation sees none');
SELECT throws_ok('SELECT FROM sentinel.oidc_nonces', '42501', NULL, 'and nobody the nonces');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
