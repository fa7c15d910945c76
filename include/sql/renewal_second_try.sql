-- Policies of which the reminder was sent in the last days; the campaign's follow_up decides, by the ledger, who is called.
SELECT policy_id, first_name, due_date, amount, mobile, alternate_mobile
FROM policies
WHERE due_date BETWEEN CAST('{{ run_date.add(days=4) }}' AS DATE) AND CAST('{{ run_date.add(days=7) }}' AS DATE)
